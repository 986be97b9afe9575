#!/usr/bin/env bash
# Makes the root file system of the image for one architecture from the operator's binary and pinned Debian packages.
#
#   rootfs.sh [--without-dependency-list] ARCHITECTURE BINARY NOTICES FOLDER
#
# ARCHITECTURE is amd64 or arm64. BINARY is `mgnet`, built for it with `cargo auditable`; --without-dependency-list accepts
# one without cargo-auditable's list of crates, for tests. NOTICES is the text that release/notices.sh writes. FOLDER
# is replaced. Nothing comes from the machine: certificates, libraries and licenses are files of the packages in
# packages.lock, which are downloaded once into $MGNET_CACHE, else $XDG_CACHE_HOME/mgnet, else ~/.cache/mgnet.
# They come from $DEBIAN_MIRROR, by default the mirror from which apt on this machine installs, or, once Debian has replaced
# a version, from snapshot.debian.org. The SHA-256 of each package is in packages.lock, so no mirror needs trust.
#
# The script fails unless the folder holds exactly what contents.ARCHITECTURE lists.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly here

fail() {
  printf 'rootfs: %s\n' "$*" >&2
  exit 1
}

dependency_list=required
if [[ "${1:-}" == --without-dependency-list ]]; then
  dependency_list=optional
  shift
fi
(($# == 4)) || fail "usage: rootfs.sh [--without-dependency-list] ARCHITECTURE BINARY NOTICES FOLDER"
readonly architecture="$1" binary="$2" notices="$3" root="$4"
case "$architecture" in
  amd64) triplet=x86_64-linux-gnu loader=lib64/ld-linux-x86-64.so.2 machine='Advanced Micro Devices X86-64' ;;
  arm64) triplet=aarch64-linux-gnu loader=lib/ld-linux-aarch64.so.1 machine=AArch64 ;;
  *) fail "there is no image for '$architecture', only for amd64 and arm64" ;;
esac
for program in curl dpkg-deb readelf sha256sum; do
  command -v "$program" >/dev/null || fail "'$program' is missing (Debian and Ubuntu: apt-get install curl dpkg binutils)"
done
for file in "$binary" "$notices"; do
  [[ -f "$file" ]] || fail "there is no file '$file'"
done

snapshot="$(sed -n 's/^# Snapshot: //p' "$here/packages.lock")"
downloads="${MGNET_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or MGNET_CACHE}/.cache}/mgnet}/image/debian"
mkdir -p "$downloads"
temporary="$(mktemp -d)"
trap 'rm -rf "$temporary"' EXIT

# Prints the mirror of Debian from which apt on this machine installs; nothing where it has none.
mirror() {
  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2016 # apt expands it.
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sed -n 's#/debian/*$##p' | head -n 1
  fi
}

fetch() {
  curl --fail --silent --show-error --location --retry 3 --output "$temporary/package.deb" "$1"
}

# Downloads a package with this path and SHA-256, unless it is there, and prints its file.
download() {
  local file="$downloads/$2.deb"
  if [[ ! -f "$file" ]]; then
    fetch "${DEBIAN_MIRROR:-$(mirror)}/$1" ||
      fetch "https://snapshot.debian.org/archive/${1%%/*}/$snapshot/${1#*/}" ||
      fail "cannot download '$1'; if Debian has replaced this version, run deploy/image/update-packages.sh"
    printf '%s  %s\n' "$2" "$temporary/package.deb" | sha256sum --check --quiet >&2 ||
      fail "'$1' has another SHA-256 than packages.lock"
    mv "$temporary/package.deb" "$file"
  fi
  printf '%s\n' "$file"
}

# Puts a file of the packages into the image, at the same path.
take() {
  install -D -m "$1" "$temporary/packages/$2" "$root/$2"
}

rm -rf "$root"
umask 022
mkdir -p "$root" "$temporary/packages"
while read -r of package version path sha256; do
  [[ "$of" == "$architecture" ]] || continue
  file="$(download "$path" "$sha256")"
  dpkg-deb --extract "$file" "$temporary/packages"
  # Scanners find the packages here, in images that have no database of dpkg.
  dpkg-deb --field "$file" >"$temporary/control"
  grep -qxF "Version: $version" "$temporary/control" || fail "'$path' is not version $version"
  install -D -m 644 "$temporary/control" "$root/var/lib/dpkg/status.d/$package"
  # libgcc-s1 shares the file of gcc-12-base.
  if [[ -f "$temporary/packages/usr/share/doc/$package/copyright" && ! -L "$temporary/packages/usr/share/doc/$package" ]]; then
    take 644 "usr/share/doc/$package/copyright"
  fi
done <"$here/packages.lock"

take 755 "lib/$triplet/libc.so.6"
take 644 "lib/$triplet/libm.so.6"
take 644 "lib/$triplet/libgcc_s.so.1"
install -D -m 755 -- "$(realpath "$temporary/packages/lib/$triplet/${loader##*/}")" "$root/$loader"
for license in GFDL-1.2 GPL-2 GPL-3 LGPL-2.1 MPL-2.0; do
  take 644 "usr/share/common-licenses/$license"
done
install -D -m 644 "$temporary/packages/usr/lib/os-release" "$root/etc/os-release"

# The certificate authorities of Mozilla, as update-ca-certificates(8) writes them.
mkdir -p "$root/etc/ssl/certs"
find "$temporary/packages/usr/share/ca-certificates/mozilla" -name '*.crt' -print0 | LC_ALL=C sort -z |
  xargs -0 awk 1 >"$root/etc/ssl/certs/ca-certificates.crt"
chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"

printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"

install -D -m 755 "$binary" "$root/usr/bin/mgnet"
install -D -m 644 "$here/../../LICENSE" "$root/usr/share/doc/mgnet/LICENSE"
install -D -m 644 "$notices" "$root/usr/share/doc/mgnet/THIRD-PARTY"

# The binary must run here: right machine, all libraries, none of their symbols newer than the package.
grep -qF "$machine" <<<"$(readelf --file-header "$root/usr/bin/mgnet")" || fail "'$binary' is not built for $architecture"
libc="$(sed -nE "s/^$architecture libc6 ([0-9]+\.[0-9]+)[^0-9].*/\1/p" "$here/packages.lock")"
for file in usr/bin/mgnet "lib/$triplet/libm.so.6" "lib/$triplet/libgcc_s.so.1"; do
  while IFS= read -r library; do
    [[ -f "$root/lib/$triplet/$library" || "$library" == "${loader##*/}" ]] ||
      fail "'$file' needs $library, which the image lacks"
  done < <(readelf --dynamic "$root/$file" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p')
done
newest="$(readelf --version-info "$root/usr/bin/mgnet" | { grep -oE 'GLIBC_[0-9.]+' || true; } | sort -Vu | tail -n 1)"
[[ "$(printf '%s\n' "GLIBC_$libc" "${newest:-GLIBC_2.0}" | sort -V | tail -n 1)" == "GLIBC_$libc" ]] ||
  fail "'$binary' needs ${newest/_/ }, but the image has $libc; build it on Debian 12 or older"
[[ "$dependency_list" == optional ]] || grep -qF .dep-v0 <<<"$(readelf --section-headers --wide "$root/usr/bin/mgnet")" ||
  fail "'$binary' does not list its crates; build it with 'cargo auditable build'"

# One line for each file: mode, path.
(cd "$root" && find . -mindepth 1 ! -type d -printf '%m %P\n' | LC_ALL=C sort -k 2) >"$temporary/contents"
diff -u --label contents."$architecture" --label "the image" "$here/contents.$architecture" "$temporary/contents" >&2 ||
  fail "the image differs from the list of its contents; correct deploy/image/contents.$architecture if that is intended"
