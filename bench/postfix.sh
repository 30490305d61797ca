#!/usr/bin/env bash
# Measures Deliver against Postfix's smtp over kept TLS sessions; see README.md.
set -eu
cd "$(dirname "$0")/.."
exec go test ./conformance -run '^$' -bench '^BenchmarkPostfixDelivers$' -benchtime 1x "$@"
