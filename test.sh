#!/usr/bin/env bash
# Passes all tests of Waxseal: format, vet, staticcheck, unit and fuzz-seed
# tests, foreign suites, live tests against other people's software, the race
# detector, and the cross-compiled binaries. On Debian and Ubuntu it installs
# the peers it tests against (as root, or with sudo); elsewhere it says which
# tests go without.
set -u -o pipefail
cd "$(dirname "$0")" || exit 1
failed=()
step() { # step NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	if "$@"; then
		printf -- '-- %s: ok, %d s\n' "$name" $((SECONDS - start))
	else
		printf -- '-- %s: FAILED, %d s\n' "$name" $((SECONDS - start))
		failed+=("$name")
	fi
}

peers=(gcc libc6-dev opendkim python3-dkim python3-authres postfix unbound
	bind9 bind9-utils bind9-dnsutils ldnsutils knot knot-dnssecutils swaks curl openssl chromium systemd)
install_peers() {
	command -v apt-get >/dev/null || {
		echo "no apt-get: tests against ${peers[*]} run only where these are installed"
		return 0
	}
	local missing=() p sudo=()
	for p in "${peers[@]}"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && { echo "installed: ${peers[*]}"; return 0; }
	[ "$(id -u)" -eq 0 ] || sudo=(sudo)
	echo "installing with apt-get: ${missing[*]}"
	"${sudo[@]}" apt-get update -qq >/dev/null || echo "apt-get update failed; trying the lists as they are"
	# Nothing here needs a service: keep packages from starting theirs, Postfix from
	# being set up as this machine's mail server.
	local policy=/usr/sbin/policy-rc.d ours="" code
	[ -e "$policy" ] || { ours=$policy; printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null && "${sudo[@]}" chmod 755 "$policy"; }
	[[ " ${missing[*]} " != *" postfix "* ]] || echo "postfix postfix/main_mailer_type select No configuration" | "${sudo[@]}" debconf-set-selections
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	code=$?
	[ -z "$ours" ] || "${sudo[@]}" rm -f "$ours"
	return $code
}

tools=$PWD/tools/bin
build_tools() { go build -C tools -o "$tools/" mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck ./skips; }
format() {
	local files
	# Without git, as in an unpacked archive, all there is.
	files=$({ git ls-files --cached --others --exclude-standard '*.go' 2>/dev/null || find . -name '*.go'; } | grep -v /testdata/) || return 1
	# shellcheck disable=SC2086
	files=$("$tools/gofumpt" -l $files) || return 1
	[ -z "$files" ] || { echo "gofumpt would change:" "$files"; return 1; }
}
lint() { go vet ./... && "$tools/staticcheck" ./... && (cd bench && go vet ./...) && (cd tools && go vet ./...); }
tidy() { go mod tidy -diff && (cd bench && go mod tidy -diff); }
# With a list of the tests that were skipped, and why.
tests() { go test -count=1 -json ./... | "$tools/skips" && (cd bench && go test -count=1 ./...) && (cd tools && go test -count=1 ./...); }
# The packages that start goroutines of their own.
concurrent=(./resolver/... ./dnssec/... ./spf ./dkim ./arc ./dmarc ./inbound ./outbound ./smtp ./mtasts
	./internal/accept ./internal/milter ./internal/socketmap ./internal/policyhost ./internal/metrics ./internal/daemon ./internal/lab/...)
# Of the command those of its tests that are about what runs at the same time; the
# others would only run the packages above once more.
commands='TestScripts/(verify|dns|dns_network)$|TestLabServe|Interrupt'
race() {
	local -x GORACE=atexit_sleep_ms=10 CGO_ENABLED=1 # each command of a script would sleep a second
	go test -race -short -count=1 "${concurrent[@]}" &&
		go test -race -count=1 -run "$commands" ./cmd/waxseal
}
cross() {
	local os arch
	for os in linux darwin windows; do
		for arch in amd64 arm64; do
			CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -o /dev/null ./cmd/waxseal || return 1
			echo "$os/$arch builds"
		done
	done
}

if [ -z "${WAXSEAL_SUITES:-}" ] && [ -d ../shared/conformance ]; then
	WAXSEAL_SUITES=$(cd ../shared/conformance && pwd)
	export WAXSEAL_SUITES
fi
echo "foreign suites: ${WAXSEAL_SUITES:-none (set WAXSEAL_SUITES to their folder)}"

step peers install_peers
step tools build_tools
step format format
step lint lint
step tidy tidy
step test tests
step race race
step cross-compile cross

echo
if [ ${#failed[@]} -gt 0 ]; then
	echo "failed: ${failed[*]}"
	exit 1
fi
echo "all steps passed in $SECONDS s"
