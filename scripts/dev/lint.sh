# ./dev lint: formatting of all files, clang-tidy of changed ones.
root=$(cd "$(dirname "$0")/../.." && pwd); cd "$root"; . scripts/dev/lib.sh
set -euo pipefail
all=no
case "${1:-}" in
  -h|--help)
    cat <<TEXT
usage: ./dev lint [--all | --fix]

Checks clang-format on every C++ file, clang-tidy on the files changed against the newest tag (--all: every
file), shell syntax and the words that must not be in the repo. --fix formats in place. Results of clang-tidy
are cached by content.
TEXT
    exit 0 ;;
  --all) all=yes ;;
  --fix) scripts/deps.sh lint; git ls-files '*.cc' '*.h' | xargs clang-format-19 -i; exit 0 ;;
  "") ;;
  *) fail "unknown option '$1' (try --help)" ;;
esac
scripts/deps.sh build lint
failed=0

say "clang-format: $(git ls-files '*.cc' '*.h' | wc -l) files"
git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run --Werror || failed=1

say "shell syntax"
for script in dev .ci/run $(git ls-files '*.sh'); do bash -n "$script" || failed=1; done

if git grep -nwE 'TODO|FIXME|XXX|HACK' -- '*.cc' '*.h' '*.fbs' '*.sh' '*.cmake' ':!scripts/dev/lint.sh'; then
  say "error: unfinished words above"; failed=1
fi
if git ls-files | grep -E '\.(key|pem|p12)$'; then say "error: key material above must not be committed"; failed=1; fi

# clang-tidy: 8 s a file, so only what changed since the last release and was not yet seen with this content.
configure dev
ninja -C build/dev schemas_generated >&2
# Before the first release "changed" means changed by the last commit or not committed.
base=$(git describe --tags --abbrev=0 2>/dev/null || git rev-parse --verify --quiet HEAD~1 || echo HEAD)
product() { grep -vE '^(tests|fuzz|bench)/' || true; }
if [ "$all" = yes ]; then files=$(git ls-files '*.cc' | product)
else files=$(git diff --name-only --diff-filter=d "$base" -- '*.cc' | product); fi
mkdir -p .cache/tidy
config_hash=$(sha256sum .clang-tidy | cut -c1-16)
tidy_one() {
  local file=$1 key
  key=$(clang++-19 -MM -std=c++20 -I. -Ibuild/dev/generated "$file" 2>/dev/null | tr -d '\\\n' | tr ' ' '\n' | grep -E '\.(cc|h)$' | sort -u |
    xargs cat 2>/dev/null | sha256sum | cut -c1-24)
  [ -e ".cache/tidy/$config_hash-$key" ] && return 0
  if clang-tidy-19 --quiet --extra-arg=-Wno-unknown-warning-option -p build/dev "$file" 2>/dev/null; then : >".cache/tidy/$config_hash-$key"; else return 1; fi
}
export -f tidy_one; export config_hash
if [ -n "$files" ]; then
  say "clang-tidy: $(echo "$files" | wc -l) files (cached by content)"
  echo "$files" | xargs -P 2 -I{} bash -c 'tidy_one {}' || failed=1
fi
[ $failed = 0 ] && say "lint: clean"
exit $failed
