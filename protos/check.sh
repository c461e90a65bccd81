#!/bin/sh
# Lint the contract, and compare it with the one of the last landing (the commit before HEAD's first parent has it, if any).
set -eu
cd "$(dirname "$0")"
buf lint
base=$(git rev-parse -q --verify origin/main 2>/dev/null || git rev-parse -q --verify HEAD~1 2>/dev/null || true)
if [ -n "$base" ] && git cat-file -e "$base:protos/piewise/v1/allocation.proto" 2>/dev/null; then
    old=$(mktemp -d)
    trap 'rm -rf "$old"' EXIT
    git archive "$base:protos" | tar -x -C "$old"
    buf breaking --against "$old"
else
    echo "no earlier contract to compare with"
fi
