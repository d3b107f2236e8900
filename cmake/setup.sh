# Sourced by run.sh and test.sh: packages, configuration, build. Everything it says goes to stderr.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf 'stepformer: %s\n' "$*" >&2; }

# install_missing KIND...: the packages of these kinds (cmake/debian-packages.txt) that are not
# installed yet. Without dpkg (another system) the build itself says what it misses.
install_missing() {
    command -v dpkg-query >/dev/null 2>&1 || return 0
    local kind package listed wanted=() missing=()
    while read -r kind package; do
        case " $* " in *" $kind "*) wanted+=("$package") ;; esac
    done < <(grep -v '^#' "$root/cmake/debian-packages.txt")
    listed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null) || true
    for package in "${wanted[@]}"; do
        case $'\n'"$listed"$'\n' in
        *$'\n'"$package installed"$'\n'*) ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -eq 0 ] && return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "these Debian packages are missing, and installing them needs root or sudo: ${missing[*]}"
            exit 1
        fi
        as_root=(sudo)
    fi
    say "installing from Debian: ${missing[*]}"
    local get=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q)
    "${get[@]}" update >&2 </dev/null || { say "apt-get update failed (see above)"; exit 1; }
    "${get[@]}" install -y --no-install-recommends "${missing[@]}" >&2 </dev/null ||
        { say "apt-get could not install: ${missing[*]}"; exit 1; }
}

# build PRESET TARGET...: configures build/PRESET once, then builds. Quiet when there was a build
# before; a failure shows its log.
build() {
    local preset=$1 dir="$root/build/$1" log target targets=() first=no
    shift
    for target in "$@"; do targets+=(--target "$target"); done
    mkdir -p "$dir"
    log="$dir/build.log"
    exec 9>"$dir/.lock"
    command -v flock >/dev/null 2>&1 && flock 9
    # A build folder that came from another place knows wrong paths.
    if [ -e "$dir/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt"; then
        rm -rf "$dir/CMakeCache.txt" "$dir/CMakeFiles" "$dir/build.ninja"
    fi
    if [ ! -e "$dir/build.ninja" ]; then
        first=yes
        (cd "$root" && cmake --preset "$preset") >"$log" 2>&1 9>&- || build_failed "$log"
    fi
    [ "$first" = no ] || say "building in build/$preset (a few minutes the first time) ..."
    if [ "$first" = yes ] && [ -t 2 ]; then
        cmake --build "$dir" ${targets[@]+"${targets[@]}"} 2>&1 9>&- | tee "$log" >&2 ||
            build_failed "$log"
    fi
    cmake --build "$dir" ${targets[@]+"${targets[@]}"} >"$log" 2>&1 9>&- || build_failed "$log"
    exec 9>&-
}

build_failed() {
    cat "$1" >&2
    say "the build failed; its log is above and in $1"
    exit 1
}
