#!/usr/bin/env bash
# Answers names by a DNS server that has loaded an export. It runs in a network namespace of its own (`unshare --net`), in which
# stand-ins for the Route 53 Resolver inbound endpoints serve the addresses of `tokyo.yaml`, and those of the same network in
# Frankfurt.
#
#   world.sh [--public] SERVER FOLDER NAME...
#
# SERVER is bind, unbound or dnsmasq; FOLDER holds the exported files, or empty ones. The server also serves a zone of its own,
# corp.example. It has no internet; with --public it forwards all other names to a stand-in for the public DNS, which answers
# names of AWS with 52.219.0.1, and does not validate DNSSEC, because the stand-in signs nothing. For each name, one line: the
# name, the status of the answer, and its addresses, sorted.
set -euo pipefail

public=""
if [[ "$1" == --public ]]; then
  public=198.51.100.53
  shift
fi
readonly public server="$1" folder="$2"
shift 2
work="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT

# Answers all names below domains. stand_in LISTEN[,LISTEN] OPTION...
stand_in() {
  local listen="$1"
  shift
  dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --no-resolv --no-hosts --bind-interfaces \
    --listen-address="$listen" --local=/amazonaws.com/ "$@" &
}

ip link set lo up
for address in 10.20.1.113 10.20.2.114 10.30.1.113 10.30.2.114 ${public:+"$public"}; do
  ip address add "$address/32" dev lo
done
for region in 20:ap-northeast-1 30:eu-central-1; do
  site="10.${region%%:*}"
  domain="${region#*:}.amazonaws.com"
  stand_in "$site.1.113,$site.2.114" --address="/mgn.$domain/$site.1.101" --address="/mgn.$domain/$site.2.102" \
    --address="/s3.$domain/$site.1.103" --address="/s3.$domain/$site.2.104"
done
if [[ -n "$public" ]]; then
  stand_in "$public" --address=/amazonaws.com/52.219.0.1
fi

case "$server" in
  bind)
    # shellcheck disable=SC2016 # BIND reads it.
    printf '$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\nintra A 192.0.2.9\n' >"$work/corp.zone"
    cat >"$work/named.conf" <<CONF
options {
  directory "$work"; pid-file none; session-keyfile none;
  listen-on { 127.0.0.1; }; listen-on-v6 { none; };
  $([[ -z "$public" ]] || echo "forwarders { $public; }; forward only; dnssec-validation no;")
  include "$folder/bind-options.conf";
};
controls { };
include "$folder/bind-zones.conf";
zone "corp.example" { type primary; file "corp.zone"; };
CONF
    named -g -c "$work/named.conf" 2>"$work/log" &
    ;;
  unbound)
    cp /usr/share/dns/root.key "$work/root.key"
    cat >"$work/unbound.conf" <<CONF
server:
  interface: 127.0.0.1
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: ""
  use-syslog: no
  logfile: "$work/log"
  private-address: 10.0.0.0/8
  local-zone: "corp.example" static
  local-data: "intra.corp.example A 192.0.2.9"
CONF
    if [[ -n "$public" ]]; then
      printf 'forward-zone:\n  name: "."\n  forward-addr: %s\n' "$public" >>"$work/unbound.conf"
    else
      printf '  auto-trust-anchor-file: "%s"\n' "$work/root.key" >>"$work/unbound.conf"
    fi
    printf 'include: "%s"\n' "$folder/unbound.conf" >>"$work/unbound.conf"
    unbound -d -c "$work/unbound.conf" &
    ;;
  dnsmasq)
    cat >"$work/dnsmasq.conf" <<CONF
no-resolv
no-hosts
listen-address=127.0.0.1
bind-interfaces
stop-dns-rebind
address=/intra.corp.example/192.0.2.9
${public:+server=$public}
conf-file=$folder/dnsmasq.conf
CONF
    dnsmasq --keep-in-foreground --conf-file="$work/dnsmasq.conf" --pid-file= --user=root &
    ;;
  *)
    echo "world: there is no server '$server'" >&2
    exit 1
    ;;
esac

ask() { dig +noall +answer +comments +time=4 +tries=1 @127.0.0.1 "$1" A || true; }

# The server is ready when it answers for its own zone.
for _ in $(seq 100); do
  if ask intra.corp.example | grep -q '192\.0\.2\.9'; then break; fi
  sleep 0.1
done
for name in "$@"; do
  answer="$(ask "$name")"
  status="$(sed -n 's/.*status: \([A-Z]*\),.*/\1/p' <<<"$answer")"
  addresses="$(awk '$4 == "A" { print $5 }' <<<"$answer" | sort | paste -sd ' ')"
  printf '%s %s %s\n' "$name" "${status:-TIMEOUT}" "$addresses"
done
