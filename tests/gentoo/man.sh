#!/usr/bin/env bash
# man.sh: mandoc's lint and man(1) have nothing to say about the manual pages, and each becomes HTML.
set -euo pipefail
cd "$(dirname "$0")/../../man"
# Pages of ours that are not installed here, and an index of pages that Debian has not made, are no fault of a page.
said=$(for page in *.[158]; do mandoc -T lint -W style "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db' || true; done)
for page in *.[158]; do
  said+=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)
  mandoc -T html -O 'man=%N.%S.html,style=mandoc.css' "$page" > /dev/null
  # Every page that one refers to is here, unless it is one of the system's own (section 3).
  while read -r name section; do
    [ -f "$name.$section" ] || said+="$page: there is no page $name($section)"$'\n'
  done < <(sed -nE 's/^\.Xr (\( )?([^ ]+) ([158]).*/\2 \3/p' "$page")
done
echo "${said:-nothing to say}"
[ -z "$said" ]
