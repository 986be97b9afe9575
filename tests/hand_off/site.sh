#!/usr/bin/env bash
# Runs a command on a source server of a site without internet. It needs namespaces of its own (`unshare --net --mount`), so that
# nothing on the machine changes: /etc is a copy, and /var/lib and /var/log are empty.
#
#   site.sh COMMAND...
#
# The endpoints of `tokyo.yaml` have their addresses and serve HTTPS: the files below $SITE/served, by host and path. tinyproxy
# listens at http://127.0.0.1:8888/. SSL_CERT_FILE contains the authority that signed the certificate of the endpoints.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SITE="$(mktemp -d)"
export SITE SSL_CERT_FILE="$SITE/authority.pem"
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; umount /etc || true; rm -rf "$SITE"' EXIT

readonly addresses=(10.20.1.101 10.20.2.102 10.20.1.103 10.20.2.104)
ip link set lo up
for address in "${addresses[@]}"; do ip address add "$address/32" dev lo; done

cp -a /etc "$SITE/etc"
mount --bind "$SITE/etc" /etc
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /var/log

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test authority' -keyout "$SITE/authority.key" \
  -out "$SSL_CERT_FILE" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=endpoint -keyout "$SITE/endpoint.key" -out "$SITE/endpoint.csr" 2>/dev/null
printf 'subjectAltName=DNS:%s,DNS:%s,DNS:%s\n' mgn.ap-northeast-1.amazonaws.com s3.ap-northeast-1.amazonaws.com \
  '*.s3.ap-northeast-1.amazonaws.com' >"$SITE/endpoint.extensions"
openssl x509 -req -days 2 -in "$SITE/endpoint.csr" -CA "$SSL_CERT_FILE" -CAkey "$SITE/authority.key" \
  -extfile "$SITE/endpoint.extensions" -out "$SITE/endpoint.pem" 2>/dev/null

mkdir "$SITE/served"
python3 "$here/endpoints.py" "$SITE/endpoint.pem" "$SITE/endpoint.key" "$SITE/served" "${addresses[@]}" &
printf 'Port 8888\nListen 127.0.0.1\nTimeout 10\nLogLevel Connect\nLogFile "%s/proxy.log"\n' "$SITE" >"$SITE/proxy.conf"
tinyproxy -d -c "$SITE/proxy.conf" >/dev/null &

is_up() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }
for _ in $(seq 100); do
  if is_up 127.0.0.1 8888 && is_up 10.20.2.104 443; then break; fi
  sleep 0.1
done
"$@"
