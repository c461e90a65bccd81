#!/bin/sh
# Lint the contract, and refuse what breaks it for callers of the last landing: of origin/main where that differs from
# what is checked out, else of the commit before.
set -eu
cd "$(dirname "$0")/.."
buf lint protos
head=$(git rev-parse -q --verify HEAD 2>/dev/null || true)
base=$(git rev-parse -q --verify origin/main 2>/dev/null || true)
if [ -z "$base" ] || [ "$base" = "$head" ]; then
    base=$(git rev-parse -q --verify HEAD^1 2>/dev/null || true)
fi
if [ -n "$base" ] && git cat-file -e "$base:protos/piewise/v1/allocation.proto" 2>/dev/null; then
    old=$(mktemp -d)
    trap 'rm -rf "$old"' EXIT
    git archive --output "$old/old.tar" "$base" protos
    tar -xf "$old/old.tar" -C "$old"
    buf breaking protos --against "$old/protos"
    echo "the contract breaks nothing since $base"
else
    echo "no earlier contract to compare with"
fi
