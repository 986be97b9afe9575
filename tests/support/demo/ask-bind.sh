#!/usr/bin/env bash
# Asks a BIND that has loaded exported files for a name, without internet and without root: everything runs in a user and network
# namespace (`unshare --user --map-root-user --net`), whose loopback interface has the addresses of the Route 53 Resolver inbound
# endpoint. A second BIND stands in for that endpoint.
#
#   ask-bind.sh FOLDER NAME
#
# FOLDER contains `bind-zones.conf` and `bind-options.conf`, as `mgnet export` writes them; `inbound/addresses`, the addresses of the
# inbound endpoint, one on each line; and `inbound/DOMAIN.zone`, a zone file with what AWS answers for each domain. The output is
# that of dig.
set -euo pipefail

# Debian keeps these programs away from other users.
PATH="$PATH:/usr/sbin:/sbin"
readonly folder="$1" name="$2"
work="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT

ip link set lo up
while read -r address; do
  ip address add "$address/32" dev lo
done <"$folder/inbound/addresses"

# The stand-in knows nothing but the domains of the endpoints.
mkdir "$work/inbound" "$work/on-premises"
{
  echo "options { directory \"$work/inbound\"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;"
  echo "  listen-on { $(sed 's/$/;/' "$folder/inbound/addresses" | paste -sd ' ') }; listen-on-v6 { none; }; };"
  echo "controls { };"
  for zone in "$folder"/inbound/*.zone; do
    echo "zone \"$(basename "$zone" .zone)\" { type primary; file \"$zone\"; };"
  done
} >"$work/inbound.conf"
named -g -c "$work/inbound.conf" 2>"$work/inbound.log" &

cat >"$work/on-premises.conf" <<CONF
options {
  directory "$work/on-premises"; pid-file none; session-keyfile none;
  listen-on { 127.0.0.1; }; listen-on-v6 { none; };
  include "$folder/bind-options.conf";
};
controls { };
include "$folder/bind-zones.conf";
CONF
named -g -c "$work/on-premises.conf" 2>"$work/on-premises.log" &

# The servers need a moment to start.
for _ in $(seq 50); do
  if answer="$(dig +noall +answer +time=1 +tries=1 @127.0.0.1 "$name" A)" && [[ -n $answer ]]; then
    echo "$answer"
    exit 0
  fi
  sleep 0.1
done
echo "ask-bind: BIND does not answer for $name" >&2
tail -n 20 "$work/on-premises.log" "$work/inbound.log" >&2
exit 1
