#!/usr/bin/env bash
# Measures waxseal serve as the mail filter of Postfix beside the filters that do
# the same today; see README.md. Everything runs in namespaces of its own and in a
# folder that goes away; TMPDIR says on which disk.
set -eu
cd "$(dirname "$0")"
missing=()
for program in postfix:postfix smtp-source:postfix opendkim:opendkim opendmarc:opendmarc \
	policyd-spf:postfix-policyd-spf-python unbound:unbound ip:iproute2 unshare:util-linux; do
	PATH=$PATH:/usr/sbin command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
done
if [ ${#missing[@]} -gt 0 ] || [ "$(id -u)" -ne 0 ]; then
	echo "milter.sh: run it as root on Linux, with these packages installed: ${missing[*]:-(all are)}" >&2
	exit 1
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir "$dir/bed"
(cd .. && go build -o "$dir/waxseal" ./cmd/waxseal)
go build -o "$dir/milter" ./milter
unshare --mount --net --pid --fork --kill-child --mount-proc \
	"$dir/milter" -waxseal "$dir/waxseal" -dir "$dir/bed" "$@"
