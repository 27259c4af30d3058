# shellcheck shell=bash
# Checks that say what they found. Sourced; the caller ends with "$failures".
failures=0

# is CODE COMMAND...: the command ends with that code; its output is kept in $said.
is() {
  local want=$1 code
  shift
  said=$("$@" 2>&1)
  code=$?
  if [ "$code" = "$want" ]; then
    echo "ok    $* ($code)"
  else
    failed "$*: exit code $code, not $want"
  fi
}

# says TEXT: the last command said so.
says() {
  if grep -qF -- "$1" <<<"$said"; then echo "ok      says: $1"; else failed "does not say \"$1\""; fi
}

# silent: the last command said nothing.
silent() {
  if [ -z "$said" ]; then echo "ok      says nothing"; else failed "is not silent"; fi
}

# holds CONDITION: shell code that is true.
holds() {
  said=
  if eval "$1"; then echo "ok    $1"; else failed "$1"; fi
}

failed() {
  echo "FAIL  $1"
  [ -z "$said" ] || printf '        %s\n' "${said//$'\n'/$'\n        '}"
  failures=$((failures + 1))
}
