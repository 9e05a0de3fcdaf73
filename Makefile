# What people and machines run; `make` alone lists it.

# The libraries that apt offers. OpenCL and PoCL serve the OpenCL backend and its tests.
PACKAGES = pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libnifti-dev libnifti2-dev zlib1g-dev \
	libopenblas-dev libcairo2-dev fonts-dejavu-core
SWIFT_SOURCES = Package.swift Sources Tests benchmarks
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help deps build demo test mlflow-test bench format lint

help:
	@echo "make deps     install the libraries that are missing (apt)"
	@echo "make build    build medseg and medseg-bench into .build/release"
	@echo "make demo     phantoms, training, evaluation, prediction and pictures, in demo/"
	@echo "make test     build and run every test"
	@echo "make mlflow-test  log runs to the real MLflow server of PyPI and read them back"
	@echo "make bench    time ops and networks"
	@echo "make format   rewrite the Swift sources in the house format"
	@echo "make lint     check format and file sizes"

deps:
	@missing=""; for package in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q '^install ok' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo "deps: all libraries are there"; else \
		echo "deps: installing$$missing"; \
		$(SUDO) apt-get update -qq && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null && \
		echo "deps: done"; \
	fi

build: deps
	swift build -c release --product medseg
	swift build -c release --product medseg-bench

demo: deps
	swift build -c release --product medseg
	.build/release/medseg demo --out demo --force

test: deps
	swift build -c release --build-tests --explicit-target-dependency-import-check error
	swift test -c release --skip-build

mlflow-test: deps
	swift build -c release --product medseg
	Tests/Tracking/run.sh

bench: deps
	swift build -c release --product medseg-bench
	.build/release/medseg-bench ops
	.build/release/medseg-bench nets

format:
	swift format -i -r $(SWIFT_SOURCES)

lint:
	swift format lint --strict -r $(SWIFT_SOURCES)
	@long=$$(git ls-files '*.swift' '*.c' '*.h' '*.cl' '*.py' | xargs wc -l | awk '$$1 > 500 && $$2 != "total"'); \
	if [ -n "$$long" ]; then echo "lint: files over 500 lines:"; echo "$$long"; exit 1; fi
	@echo "lint: ok"
