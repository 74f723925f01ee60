# A thin front of Meson: each target is one line of the README.
BUILD_PACKAGES = gcc meson ninja-build pkg-config python3 libuv1-dev libyaml-dev libpcre2-dev libssl-dev libsqlite3-dev uthash-dev \
	libmicrohttpd-dev libcurl4-openssl-dev libpq-dev libarchive-dev libglib2.0-dev
CHECK_PACKAGES = $(BUILD_PACKAGES) libcmocka-dev libjson-c-dev sqlite3 python3-venv postgresql-15 openssl
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
DESTDIR ?=
SINCE ?= HEAD

.PHONY: all demo check fuzz bench format lint install deb clean packages check-packages

all: packages
	@[ -d build ] || meson setup build --buildtype=release -Dtests=false >/dev/null
	@ninja -C build

# Installs what is missing, and says so in one line.
define need
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing with apt, because $(2) needs it:$$missing"; \
	$(SUDO) apt-get update -qq >/dev/null; DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $$missing >/dev/null; fi
endef

packages:
	$(call need,$(BUILD_PACKAGES),building)

check-packages:
	$(call need,$(CHECK_PACKAGES),testing)

demo: all
	@python3 examples/demo.py build/src/weft

check: check-packages
	@python3 tests/run_all.py

fuzz:
	$(call need,$(CHECK_PACKAGES) clang libclang-rt-14-dev,fuzzing)
	@python3 tests/fuzz/run.py $(FUZZ)

bench: all
	$(call need,libjson-c-dev,measuring)
	@python3 bench/run.py build/src/weft

format:
	$(call need,clang-format,formatting)
	@git clang-format --quiet $(SINCE) -- src tests bench

lint:
	$(call need,cppcheck,checking)
	@cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -Isrc --library=.cppcheck.cfg \
	  --suppress=funcArgOrderDifferent --suppress=ctuuninitvar src

install: all
	@DESTDIR="$(DESTDIR)" meson install -C build --no-rebuild

deb: all
	@sh packaging/deb.sh

clean:
	@rm -rf build build-*
