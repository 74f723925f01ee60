#!/bin/sh
# Makes build/weft_VERSION_ARCH.deb from a release build of this tree: `make deb`. Needs what building needs, and dpkg-deb.
set -eu
cd "$(dirname "$0")/.."
build=build-deb
root=$build/root

[ -d "$build" ] || meson setup "$build" --buildtype=release --prefix=/usr -Dtests=false >/dev/null
ninja -C "$build" >/dev/null
rm -rf "$root"
DESTDIR="$PWD/$root" meson install -C "$build" --no-rebuild --quiet
[ -x "$root/usr/bin/weft" ] || { echo "packaging: the build installed no usr/bin/weft" >&2; exit 3; }
strip --strip-unneeded "$root/usr/bin/weft"

version=$(sed -n "s/^ *version: '\([^']*\)'.*/\1/p" meson.build | head -n 1)
arch=$(dpkg --print-architecture)

# The packages that hold the libraries the program names, each at least at the release that it was built with.
depends() {
        late=$(grep -aoE 'lib[a-z]+\.so\.[0-9]+' "$root/usr/bin/weft" | sort -u) # loaded when they are needed: src/base/late.h
        for library in $(objdump -p "$root/usr/bin/weft" | awk '$1 == "NEEDED" { print $2 }') $late; do
                path=$(ldd "$root/usr/bin/weft" | awk -v l="$library" '$1 == l { print $3 }')
                [ -n "$path" ] || path=$(ldconfig -p | awk -v l="$library" '$1 == l { print $NF; exit }')
                [ -n "$path" ] || continue
                # Where /lib is a link to /usr/lib, dpkg may know the file by either name.
                package=$(dpkg -S "$path" "$(readlink -f "$path")" "/usr$path" "${path#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1)
                [ -n "$package" ] || { echo "packaging: $path belongs to no package" >&2; exit 3; }
                # 1.2.3-4+deb12u1 asks for 1.2: a machine behind on security updates can still install.
                echo "$package (>= $(dpkg-query -W -f '${Version}\n' "$package" | head -n 1 | grep -oE '^([0-9]+:)?[0-9]+(\.[0-9]+)?'))"
        done | sort -u
}
list=$(depends)
depends=$(printf '%s' "$list" | paste -sd, - | sed 's/,/, /g')

doc=$root/usr/share/doc/weft
mkdir -p "$doc" "$root/DEBIAN"
cat > "$doc/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: weft

Files: *
Copyright: Weft contributors
License: Apache-2.0
 On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.
END
gzip -9nc CHANGELOG.md > "$doc/changelog.gz"
cp README.md "$doc/"
if [ -d "$root/usr/share/man" ]; then
        find "$root/usr/share/man" -type f -name '*.[1-9]' -exec gzip -9n {} +
fi
cat > "$root/DEBIAN/control" <<END
Package: weft
Version: $version
Architecture: $arch
Maintainer: Weft contributors
Section: science
Priority: optional
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends
Recommends: python3, python3-venv
Description: workflow platform for machine-learning teams
 Runs Argo Workflow YAML and pipelines compiled by the Kubeflow Pipelines SDK
 on one machine: durably, with a live view, from one binary.
END
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' | LC_ALL=C sort | xargs md5sum) > "$root/DEBIAN/md5sums"

# The same tree gives the same package, byte for byte.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p build
dpkg-deb --root-owner-group -Zxz --build "$root" "build/weft_${version}_$arch.deb" >/dev/null
echo "build/weft_${version}_$arch.deb"
