//! The document in Japanese.

use super::{
    failure::Failure,
    words::{Columns, Headings, Item, Words},
};
use crate::{
    api::{ChecklistState, ChecklistWork, NameUse, OnPremisesBasis, RulePurpose},
    hand_off::Action,
};

/// The sentences in Japanese.
pub(super) const JAPANESE: Words = Words {
    title: |action, network, revision, basis| match action {
        Action::Add => format!("{}: {network} (リビジョン {revision}、{})", title(action), self::basis(basis)),
        Action::Remove => format!("{}: {network} (リビジョン {revision})", title(action)),
    },
    title_of_many: |action, count| format!("{}: {count} ネットワーク", title(action)),
    introduction: |action| match action {
        Action::Add => {
            "ソースサーバーは、インターネットを経由せず、\
             Direct Connect または VPN 経由で AWS Application Migration Service (MGN) に接続します。本書は、\
             そのためにオンプレミス側で必要な作業を担当チームごとにまとめたものです。各章に確認方法を記載しています。"
        }
        Action::Remove => {
            "AWS 側のネットワークは不要になりました。本書は、\
             その削除前または削除後速やかにオンプレミス側で元に戻す設定を、担当チームごとにまとめたものです。\
             記載順に作業してください。ほかのネットワークやシステムが使用中の設定は残してください。"
        }
    },
    planned: "計画段階のネットワークは、まだ AWS に構築されていません。事前に固定した IP アドレス以外は未定のため、\
        ファイアウォールはサブネット単位で申請してください。構築後に新しいリビジョンの作業依頼をお送りします。",
    basis,
    count: |open, all| format!("{all} 件中 {open} 件"),
    state: |state| match state {
        ChecklistState::Open => "未完了",
        ChecklistState::Done => "完了",
    },
    purpose: |purpose| match purpose {
        RulePurpose::Mgn => "MGN の API (エージェントのインストールと制御)",
        RulePurpose::S3 => "S3 (インストーラーとエージェントのダウンロード)",
        RulePurpose::Dns => "Route 53 Resolver インバウンドエンドポイントへの DNS クエリ",
        RulePurpose::Connector => "MGN コネクタが利用するその他の AWS サービス",
        RulePurpose::Replication => "レプリケーションサーバーへのデータ転送",
    },
    clients: |clients| match clients {
        NameUse::Source => "ソースサーバー",
        NameUse::Connector => "MGN コネクタ",
        NameUse::Replication => "AWS 上のサーバーのみ (転送対象外)",
    },
    cause,
    item,
    headings: Headings {
        reason: "目的",
        steps: "作業内容",
        facts: "設定値",
        failures: "未実施の場合に発生するエラー",
        check: "確認方法",
        names: "名前と IP アドレス",
        end: |action| match action {
            Action::Add => "作業完了後の手順",
            Action::Remove => "削除完了後の手順",
        },
    },
    columns: Columns {
        network: "ネットワーク",
        revision: "リビジョン",
        basis: "状態",
        open: "未完了の項目",
        rule: "ルール",
        purpose: "用途",
        sources: "送信元",
        addresses: "IP アドレス",
        subnets: "サブネット",
        protocol: "プロトコル",
        port: "ポート",
        domain: "ドメイン",
        targets: "転送先",
        name: "名前",
        clients: "利用するサーバー",
        message: "メッセージ",
        cause: "原因",
    },
    files: "この作業で使うファイル (同じエクスポートに含まれます):",
    see_names: "名前の一覧は「名前と IP アドレス」の章にあります。",
    proxies: "ネットワークの `spec.proxyCIDRs` に登録され、エンドポイントが通信を許可しているプロキシ:",
    no_proxies: "ネットワークの `spec.proxyCIDRs` が空のため、エンドポイントはプロキシからの通信を許可しません。",
    check_later: "ネットワークの構築後に確認してください。構築されるまで、AWS 側から応答はありません。",
    names: |action| match action {
        Action::Add => {
            "ソースサーバーが利用する名前は、オンプレミス側で、表の IP アドレスだけに解決される必要があります。"
        }
        Action::Remove => "削除後は、オンプレミス側で、どの名前も表の IP アドレスに解決されないことが必要です。",
    },
    acknowledge: "作業が終わりましたら、本書の送付元に連絡してください。すべての項目が完了したら、\
        送付元のチームがクラスターに記録します。",
    acknowledged: "これで、ネットワークの条件 `OnPremisesCurrent` が `True` になります。設定値が変わった場合は、\
        影響のある項目だけが新しいリビジョンで未完了に戻ります。",
    removed: "作業が終わりましたら、本書の送付元に連絡してください。クラスターへの記録は不要です。",
};

const fn title(action: Action) -> &'static str {
    match action {
        Action::Add => "MGN 移行のためのオンプレミス側作業依頼",
        Action::Remove => "MGN 移行完了に伴うオンプレミス側設定の削除依頼",
    }
}

const fn basis(basis: OnPremisesBasis) -> &'static str {
    match basis {
        OnPremisesBasis::Observed => "構築済み",
        OnPremisesBasis::Planned => "計画段階",
    }
}

const fn cause(failure: Failure) -> &'static str {
    match failure {
        Failure::Blocked(RulePurpose::Mgn) => {
            "MGN がエージェントと通信できません。MGN の API 宛ての通信がファイアウォールで遮断されています。"
        }
        Failure::Blocked(RulePurpose::S3) => {
            "インストーラーが途中で停止します。S3 宛ての通信がファイアウォールで遮断されています。"
        }
        Failure::Blocked(RulePurpose::Connector) => {
            "Systems Manager が MGN コネクタと通信できません。\
             サービス宛ての通信がファイアウォールで遮断されています。"
        }
        Failure::Blocked(RulePurpose::Dns) => {
            "名前解決ができません。TCP または UDP の 53 番ポートがファイアウォールで遮断されています。"
        }
        Failure::Blocked(RulePurpose::Replication) => {
            "エージェントはインストールできますが、レプリケーションが始まりません。\
             TCP 1500 番ポートがファイアウォールで遮断されています。"
        }
        Failure::NotForwarded => {
            "名前がパブリック IP アドレスに解決されています。\
             ソースサーバーが参照する DNS サーバーに転送設定がありません。"
        }
        Failure::NotExempt => {
            "DNS サーバーが DNSSEC 検証を行いますが、インターネットに接続できないため検証に失敗しています。"
        }
        Failure::AddressesRemoved => {
            "DNS リバインディング対策により、DNS サーバーが応答からプライベート IP アドレスを取り除いています。"
        }
        Failure::NameMissing => "hosts ファイルに記載のない名前があり、パブリック IP アドレスに解決されています。",
        Failure::AddressOutdated => "hosts ファイルの IP アドレスが古いリビジョンのままです。",
        Failure::ThroughProxy => {
            "通信がプロキシを経由しています。プロキシからエンドポイントに到達できないか、\
             エンドポイントがそのプロキシを許可していません。"
        }
        Failure::Intercepted => {
            "プロキシまたはファイアウォールが TLS 通信を復号しています。\
             AWS はこの通信での TLS インスペクションをサポートしていません。"
        }
        Failure::PolicyDenies => "エンドポイントポリシーが、クライアントのリクエストを許可していません。",
        Failure::NotAdmitted => "クライアントが、通信を許可された送信元の範囲に含まれていません。",
    }
}

const fn item(work: ChecklistWork, action: Action) -> &'static Item {
    match (work, action) {
        (ChecklistWork::Firewall, Action::Add) => &FIREWALL,
        (ChecklistWork::Firewall, Action::Remove) => &FIREWALL_REMOVAL,
        (ChecklistWork::DnsForwarders, Action::Add) => &DNS,
        (ChecklistWork::DnsForwarders, Action::Remove) => &DNS_REMOVAL,
        (ChecklistWork::HostsFiles, Action::Add) => &HOSTS,
        (ChecklistWork::HostsFiles, Action::Remove) => &HOSTS_REMOVAL,
        (ChecklistWork::Proxies, Action::Add) => &PROXIES,
        (ChecklistWork::Proxies, Action::Remove) => &PROXIES_REMOVAL,
        (ChecklistWork::OtherS3Clients, Action::Add) => &S3_CLIENTS,
        (ChecklistWork::OtherS3Clients, Action::Remove) => &S3_CLIENTS_REMOVAL,
        (ChecklistWork::OtherAwsClients, Action::Add) => &AWS_CLIENTS,
        (ChecklistWork::OtherAwsClients, Action::Remove) => &AWS_CLIENTS_REMOVAL,
    }
}

const FIREWALL: Item = Item {
    heading: "ファイアウォール担当: AWS への通信の許可",
    reason: "ソースサーバーは、AWS Replication Agent のインストール、MGN との制御通信、\
        レプリケーションサーバーへのデータ転送にこれらの通信を使います。ほかに AWS への経路はありません。",
    steps: &[
        "表のすべてのルールを、送信元から AWS までの経路上のすべての機器で許可してください。\
         ステートレスなフィルターでは、戻りの通信も許可が必要です。",
        "宛先は、IP アドレスとサブネットのどちらか一方で許可してください。IP アドレスのないルールは、\
         アドレスが変わるサーバー宛てのため、サブネットで許可してください。",
        "サブネットへの経路を Direct Connect または VPN に向け、送信元の経路を AWS に広報してください。",
        "これらの通信を TLS インスペクションの対象外にしてください。",
    ],
    check: "各ルールの送信元にあるサーバーで、コマンドを実行してください。Windows では \
        `Test-NetConnection ADDRESS -Port PORT` を使います。1500 番ポートが応答するのは、\
        MGN のレプリケーションサーバーが起動している間だけです。それまでは、\
        タイムアウトしてもファイアウォールが原因とは限りません。事前に確認する場合は、\
        レプリケーションサーバーと同じセキュリティグループを設定した Linux インスタンスをステージングサブネットに\
        起動し、`nc -l 1500` を実行した状態で、ソースサーバーから接続してください。",
};

const FIREWALL_REMOVAL: Item = Item {
    heading: "ファイアウォール担当: ルールの削除",
    reason: "ルールが残っていると、\
        今後 AWS でほかのサーバーに割り当てられるアドレスへの通信を許可した状態になります。",
    steps: &[
        "本書のほかの章の作業がすべて終わってから、表のルールを削除してください。",
        "このネットワークだけが使っていた経路と経路広報を削除してください。",
    ],
    check: "ルールベースを検索し、表の IP アドレスとサブネットを含むルールが残っていないことを確認してください。",
};

const DNS: Item = Item {
    heading: "DNS 担当: AWS へのドメイン転送",
    reason: "MGN と S3 の名前は、エンドポイントのプライベート IP アドレスに解決される必要があります。\
        この応答を返すのは Route 53 Resolver インバウンドエンドポイントだけです。\
        パブリック DNS が返すパブリック IP アドレスには、ソースサーバーから到達できません。",
    steps: &[
        "ソースサーバーが参照するすべての DNS サーバーで、\
         表の各ドメインをその配下の名前も含めて転送先に転送してください (条件付きフォワーダー)。\
         AWS のほかのドメインは転送しないでください。",
        "インターネットに接続できない DNS サーバーで DNSSEC 検証が有効な場合は、\
         ドメインを検証の対象外にしてください (BIND: `validate-except`、unbound: `domain-insecure`)。",
        "DNS リバインディング対策が有効な場合は、\
         ドメインについてプライベート IP アドレスの応答を許可してください (unbound: `private-domain`、dnsmasq: \
         `rebind-domain-ok`)。",
        "S3 のドメインは、ほかの S3 クライアントの担当の準備ができてから転送してください。\
         理由はその担当の章にあります。",
        "DNS サーバーのキャッシュをクリアしてください。",
    ],
    check: "ソースサーバーでコマンドを実行してください。Windows では `Resolve-DnsName NAME` を使います。どの応答も、\
        その名前の IP アドレスだけで構成されている必要があります。",
};

const DNS_REMOVAL: Item = Item {
    heading: "DNS 担当: 転送設定の削除",
    reason: "ネットワークが削除されると転送先がなくなり、DNS サーバーを参照するすべてのクライアントで、\
        このリージョンの MGN と S3 の名前解決に失敗します。",
    steps: &[
        "すべての DNS サーバーから、表の転送設定を削除してください。\
         DNSSEC 検証と DNS リバインディング対策の除外設定も削除してください。",
        "DNS サーバーのキャッシュをクリアしてください。",
    ],
    check: "各名前を解決し、「名前と IP アドレス」の章の IP アドレスが応答に含まれないことを確認してください。",
};

const HOSTS: Item = Item {
    heading: "サーバー担当: hosts ファイルへの登録",
    reason: "このネットワークには DNS サーバーで転送できるドメインがないため、\
        hosts ファイルでソースサーバーをエンドポイントに接続させます。",
    steps: &[
        "すべてのソースサーバーで、ファイルのブロックを hosts ファイルにコピーしてください (Linux: `/etc/hosts`、\
         Windows: `%SystemRoot%\\System32\\drivers\\etc\\hosts`)。",
        "以前のリビジョンのブロックがある場合は、最初のコメントから最後のコメントまでをまとめて置き換えてください。",
        "すべての名前を登録してください。hosts ファイルではワイルドカードを使えません。",
    ],
    check: "ソースサーバーでコマンドを実行してください。Windows では `Resolve-DnsName NAME` を使います。どの応答も、\
        その名前の IP アドレスだけで構成されている必要があります。",
};

const HOSTS_REMOVAL: Item = Item {
    heading: "サーバー担当: hosts ファイルからの削除",
    reason: "これらの IP アドレスはエンドポイントのものではなくなります。\
        行が残っているサーバーは MGN と S3 に接続できません。",
    steps: &[
        "すべてのソースサーバーの hosts ファイルから、\
         このネットワークのブロックを最初のコメントから最後のコメントまで削除してください。",
        "サーバーのテンプレートやイメージからも削除してください。",
    ],
    check: "hosts ファイルを検索し、\
        「名前と IP アドレス」の章の IP アドレスを含む行が残っていないことを確認してください。",
};

const PROXIES: Item = Item {
    heading: "プロキシ担当・サーバー担当: プロキシの除外設定",
    reason: "インストーラーの通信がプロキシを経由すると、インターネット側、\
        または通信を許可していないエンドポイントに送られ、エージェントのインストールが停止します。",
    steps: &[
        "すべてのソースサーバーで、これらの名前をプロキシの対象外にしてください (環境変数、Windows のプロキシ設定、\
         PAC ファイル)。",
        "`no_proxy` には、`.amazonaws.com` または完全な名前を記載してください。インストーラーは \
         `*.amazonaws.com` と IP アドレスの範囲を無視します。",
        "プロキシを経由させる場合は、エンドポイントが許可しているプロキシを使ってください。\
         そのプロキシが名前を本書の IP アドレスに解決し、TLS 通信を復号しないことが条件です。",
        "1500 番ポートのレプリケーション通信は Web プロキシを経由できません。",
    ],
    check: "ソースサーバーでコマンドを実行してください。その名前の IP アドレス、\
        または許可されたプロキシの IP アドレスが表示される必要があります。インストール後は、CloudTrail のイベント \
        `SendClientLogsForMgn` をインストール時のアクセスキーで検索すると、通信の送信元 IP アドレスを確認できます。",
};

const PROXIES_REMOVAL: Item = Item {
    heading: "プロキシ担当・サーバー担当: 除外設定の削除",
    reason: "除外設定が残っていると、AWS への通信がプロキシを経由せず、ネットワークの削除後は到達できなくなります。",
    steps: &[
        "このネットワークのために追加した除外設定を、環境変数、プロキシ設定、PAC ファイルから削除してください。",
        "プロキシ自体に追加した転送設定と hosts ファイルの行も削除してください。",
    ],
    check: "ソースサーバーから「名前と IP アドレス」の章の名前に接続し、\
        プロキシのログに記録されることを確認してください。",
};

const S3_CLIENTS: Item = Item {
    heading: "ほかの S3 クライアントの担当: S3 への接続確認",
    reason: "転送設定を追加すると、ソースサーバーに限らず、\
        このリージョンの S3 を使うオンプレミスのすべてのクライアントが、\
        このネットワークのエンドポイントに接続します。",
    steps: &[
        "このリージョンの S3 を使うオンプレミスのプログラム (バックアップなど) を洗い出してください。",
        "許可された送信元の範囲にないクライアントは、エンドポイントに接続できません。範囲への追加、\
         または DNS 転送に代わるソースサーバーの hosts ファイルの利用を、本書の送付元に依頼してください。",
        "エンドポイントポリシーが `MGNOnly` の場合、ほかのバケットへのリクエストは拒否されます。\
         必要なバケットを許可するポリシーを依頼してください。",
    ],
    check: "DNS 担当が転送設定を追加する前と後に、対象の各クライアントで `aws s3 ls s3://BUCKET` を実行してください。",
};

const S3_CLIENTS_REMOVAL: Item = Item {
    heading: "ほかの S3 クライアントの担当: S3 への代替経路の準備",
    reason: "転送設定を削除すると、オンプレミスのすべてのクライアントで、\
        このリージョンの S3 の名前が再びパブリック IP アドレスに解決されます。",
    steps: &[
        "このネットワーク経由で S3 を使っていたオンプレミスのプログラムを洗い出してください。",
        "DNS 担当が転送設定を削除する前に、S3 への代替経路 (インターネット接続、プロキシ、\
         または別のエンドポイント) を用意してください。",
    ],
    check: "DNS 担当が転送設定を削除した後に、対象の各クライアントで `aws s3 ls s3://BUCKET` を実行してください。",
};

const AWS_CLIENTS: Item = Item {
    heading: "ほかの AWS クライアントの担当: サービスへの接続確認",
    reason: "MGN コネクタ用の転送設定を追加すると、これらのサービスを使うオンプレミスのすべてのクライアントが、\
        このネットワークのエンドポイントに接続します。",
    steps: &[
        "このリージョンでこれらのサービスを使うオンプレミスのプログラム (AWS Systems Manager のエージェントなど) を\
         洗い出してください。",
        "許可された送信元の範囲にないクライアントは、エンドポイントに接続できません。範囲への追加、\
         または DNS 転送に代わる MGN コネクタの hosts ファイルの利用を、本書の送付元に依頼してください。",
        "エンドポイントポリシーが制限されている場合は、クライアントのリクエストを許可するポリシーを依頼してください。",
    ],
    check: "DNS 担当が転送設定を追加する前と後に、対象の各クライアントでサービスへのリクエストを実行してください。",
};

const AWS_CLIENTS_REMOVAL: Item = Item {
    heading: "ほかの AWS クライアントの担当: サービスへの代替経路の準備",
    reason: "転送設定を削除すると、オンプレミスのすべてのクライアントで、\
        これらのサービスの名前が再びパブリック IP アドレスに解決されます。",
    steps: &[
        "このネットワーク経由でこれらのサービスを使っていたオンプレミスのプログラムを洗い出してください。",
        "DNS 担当が転送設定を削除する前に、サービスへの代替経路 (インターネット接続、プロキシ、\
         または別のエンドポイント) を用意してください。",
    ],
    check: "DNS 担当が転送設定を削除した後に、対象の各クライアントでサービスへのリクエストを実行してください。",
};
