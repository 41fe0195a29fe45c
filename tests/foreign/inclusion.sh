#!/usr/bin/env bash
# Answers each line "INDEX SIZE ENTRY ROOT HASH..." (entry, root and hashes in hex) with yes or no.
# RFC 9162 section 2.1.3.2 with nothing but sha256sum.
set -euo pipefail

sha256() { # of the bytes given in hex
    printf "$(sed 's/../\\x&/g' <<<"$1")" | sha256sum | cut -c1-64
}

included() {
    local position=$1 last=$(($2 - 1)) root=$4 hash
    ((position <= last)) || return 1
    hash=$(sha256 "00$3")
    shift 4
    for sibling in "$@"; do
        ((last > 0)) || return 1
        if ((position % 2 == 1 || position == last)); then
            hash=$(sha256 "01$sibling$hash")
            while ((position % 2 == 0 && position > 0)); do
                position=$((position / 2)) last=$((last / 2))
            done
        else
            hash=$(sha256 "01$hash$sibling")
        fi
        position=$((position / 2)) last=$((last / 2))
    done
    ((last == 0)) && [[ $hash == "$root" ]]
}

while read -ra words; do
    if included "${words[@]}"; then echo yes; else echo no; fi
done
