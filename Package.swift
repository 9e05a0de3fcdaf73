// swift-tools-version: 6.2
import PackageDescription

/// Settings every Swift target shares: the import rules of CONTRIBUTING.md are enforced by the build, not by review.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .treatAllWarnings(as: .error),
]

/// A library or executable of ours.
func swiftTarget(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func test(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// OpenCL C sources by op family, read at run time.
let kernelFolders = [
    "common", "activation", "attention", "conv3d", "dice_ce_loss", "dropout", "elementwise", "focal_loss", "matmul",
    "memory", "norm", "optimizer", "pool", "probe", "reduce", "resample", "softmax", "window",
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
/// The packages that only the server uses.
let server = TargetDependencyCondition.when(traits: ["Server"])
let webServer: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird", condition: server),
    .product(name: "HummingbirdCore", package: "hummingbird", condition: server),
    .product(name: "HTTPTypes", package: "swift-http-types", condition: server),
    .product(name: "NIOCore", package: "swift-nio", condition: server),
    .product(name: "NIOHTTP1", package: "swift-nio", condition: server),
    .product(name: "NIOPosix", package: "swift-nio", condition: server),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: server),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log", condition: server)
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "MedSeg",
    products: [
        .executable(name: "medseg", targets: ["MedSegCommand"]),
        .executable(name: "medseg-bench", targets: ["medseg-bench"]),
        .executable(name: "medseg-server", targets: ["medseg-server"]),
        // Everything but the web server, and its parts (docs/public-api.md).
        .library(name: "MedSeg", targets: ["MedSeg"]),
        .library(name: "SegTensor", targets: ["SegTensor"]),
        .library(name: "SegNN", targets: ["SegNN"]),
        .library(name: "SegModels", targets: ["SegModels"]),
        .library(name: "SegWeights", targets: ["SegWeights"]),
        .library(name: "SegImaging", targets: ["SegImaging"]),
        .library(name: "SegMetrics", targets: ["SegMetrics"]),
        .library(name: "SegInference", targets: ["SegInference"]),
        .library(name: "SegTrain", targets: ["SegTrain"]),
        .library(name: "SegServer", targets: ["SegServer"]),
        // `make libmedseg` links it into libmedseg.so.
        .library(name: "CMedSeg", type: .static, targets: ["SegCLibrary"]),
        // The library that is linked with DCMTK and OpenJPEG. The programs open it for DICOM (Sources/CDicom), from their
        // own folder, so that they start on machines where neither is installed.
        .library(name: "MedSegDICOM", type: .dynamic, targets: ["CDicomReader"]),
    ],
    traits: [
        .trait(name: "Server", description: "The web server, and the HTTP stack that it is built from."),
        .default(enabledTraits: ["Server"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries of the system, nothing added.
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CNIfTI", providers: [.apt(["libnifti-dev", "libnifti2-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),

        // OpenCL's functions, looked up in the ICD loader at the first call, and where this code lies.
        .target(
            name: "COpenCL", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),

        // DICOM: the functions that open libMedSegDICOM, and the content of that library.
        .target(
            name: "CDicom", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        .target(
            name: "CDicomReader", dependencies: ["CDicom"], publicHeadersPath: ".",
            cxxSettings: [.unsafeFlags(["-std=c++17", "-Wall", "-Wextra", "-Werror"])],
            // No Swift is in it, so neither start-up code nor libswiftCore.so, which a machine may lack.
            linkerSettings: ["dcmjpeg", "dcmjpls", "dcmdata", "oflog", "ofstd", "openjp2"].map { .linkedLibrary($0) }
                + [.unsafeFlags(["-nostartfiles", "-static-stdlib"], .when(platforms: [.linux]))]),

        // MPI as a table of functions; shim/mpi.c, which `make mpi` compiles for each MPI library, fills it.
        .systemLibrary(name: "CMPI"),

        // On which cores a process may run.
        .target(name: "CSegCores", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),

        // How a program ends that runs out of memory. It takes malloc's place, so no library may hold it.
        .target(name: "CSegProcess", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        // The foundation of all targets; imports Foundation only.
        swiftTarget("SegCore"),
        // Configurations written in YAML.
        swiftTarget("SegYAML", ["SegCore", yams]),

        // The processes that work on one task together; MPI is opened where a launcher started several.
        swiftTarget("SegComm", ["SegCore", "CMPI", "CSegCores"]),

        // Backends: protocol, oracle, CPU, and the one place that knows them all.
        swiftTarget("SegBackend", ["SegCore"]),
        swiftTarget("SegReference", ["SegBackend"]),
        .target(name: "CSegCPU", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
        swiftTarget("SegCPU", ["SegBackend", "CSegCPU", "COpenBLAS"]),
        .target(
            name: "SegKernels", dependencies: ["COpenCL"], path: "Kernels",
            resources: kernelFolders.map { .copy($0) }, swiftSettings: strict),
        swiftTarget("SegOpenCL", ["SegCore", "SegBackend", "SegKernels", "COpenCL"]),
        swiftTarget("SegDevices", ["SegBackend", "SegReference", "SegCPU", "SegOpenCL"]),

        // Learning.
        swiftTarget("SegTensor", ["SegCore", "SegBackend"]),
        swiftTarget("SegNN", ["SegBackend", "SegTensor"]),
        // Files of weights: safetensors and PyTorch's.
        swiftTarget("SegWeights", ["SegCore"]),
        swiftTarget("SegModels", ["SegCore", "SegBackend", "SegTensor", "SegNN", "SegWeights"]),

        // Imaging: plain Swift on arrays.
        swiftTarget("SegImaging", ["SegCore", "CNIfTI", "CDeflate", "CBzip2"]),
        swiftTarget("SegDICOM", ["SegCore", "SegImaging", "SegData", "CDicom"]),
        swiftTarget("SegMetrics", ["SegCore"]),
        swiftTarget("SegReport", ["SegCore", "SegImaging", "CCairo"]),
        swiftTarget("SegTracking", ["SegCore"]),

        // Targets that use both.
        swiftTarget("SegData", ["SegCore", "SegImaging", "CArchive", "CCrypto"]),
        // Archives from web addresses. Only this target, SegTracking and SegServer (DICOMweb) send requests to servers.
        swiftTarget("SegDownload", ["SegCore", "SegData"]),
        swiftTarget(
            "SegInference", ["SegCore", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegWeights", "SegImaging"]),
        // Model folders of nnU-Net.
        swiftTarget(
            "SegNNUNet",
            [
                "SegCore", "SegBackend", "SegNN", "SegModels", "SegWeights", "SegImaging", "SegData",
                "SegInference",
            ]),
        swiftTarget(
            "SegTrain",
            [
                "SegCore", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegWeights", "SegImaging", "SegData",
                "SegMetrics",
                "SegInference", "SegComm",
            ]),

        // Training runs and evaluations, from datasets and configurations to tables and figures.
        swiftTarget(
            "SegStudy",
            [
                "SegCore", "SegBackend", "SegModels", "SegNN", "SegImaging", "SegMetrics", "SegReport", "SegTracking",
                "SegData", "SegInference", "SegNNUNet", "SegTrain", "SegWeights", "SegComm",
            ]),

        // One name for all of it: `import MedSeg`.
        swiftTarget(
            "MedSeg",
            [
                "SegBackend", "SegCore", "SegDICOM", "SegData", "SegDevices", "SegImaging", "SegInference",
                "SegMetrics",
                "SegModels", "SegNN", "SegNNUNet", "SegTensor", "SegTrain", "SegWeights", "SegYAML",
            ]),
        // The same for C and what calls C: the header, and its functions.
        .target(name: "CMedSeg", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        swiftTarget("SegCLibrary", ["CMedSeg", "MedSeg"]),

        // Op cases that the tests and the benchmark share.
        swiftTarget("SegOpCases", ["SegBackend"]),
        // Captures of PyTorch and MONAI, replayed by the tests and the benchmark.
        swiftTarget(
            "SegReplay",
            ["SegCore", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegWeights", "SegMetrics", "SegOpCases"]),

        // Commands: argument parsing and printing only. The program `medseg` is the target MedSegCommand.
        .executableTarget(
            name: "MedSegCommand",
            dependencies: [
                "MedSeg", "SegCore", "SegBackend", "SegDevices", "SegTensor", "SegNN", "SegModels", "SegWeights",
                "SegImaging",
                "SegDICOM", "SegMetrics", "SegData", "SegDownload", "SegTrain", "SegInference", "SegNNUNet",
                "SegReport",
                "SegTracking",
                "SegYAML",
                "SegStudy", "SegComm", "CSegProcess", argumentParser,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "medseg-bench",
            dependencies: [
                "SegCore", "SegComm", "SegBackend", "SegDevices", "SegTensor", "SegNN", "SegModels", "SegWeights",
                "SegInference",
                "SegOpCases",
                "SegReplay", argumentParser,
            ],
            path: "benchmarks/SegBench",
            swiftSettings: strict),

        // The web server: page, REST and MONAI Label's protocol. A product of its own, so that nobody else compiles it.
        .target(
            name: "SegServer",
            dependencies: [
                "SegCore", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegImaging", "SegInference", "SegNNUNet",
                "MedSeg", "SegDICOM", "SegData", "CCurl", logging,
            ] + webServer,
            resources: [.copy("Page")],
            swiftSettings: strict),
        .executableTarget(
            name: "medseg-server",
            dependencies: [
                "CSegProcess", "SegCore", "SegServer", "SegBackend", "SegDevices", argumentParser, logging,
            ],
            swiftSettings: strict),

        // Readers that are fed with any bytes: `make fuzz`, and the replay of its inputs by the tests.
        .target(
            name: "SegFuzzTargets",
            dependencies: [
                "SegCore", "SegYAML", "SegModels", "SegWeights", "SegImaging", "SegDICOM", "SegData",
                "SegInference",
                "SegNNUNet", "SegTracking", "SegServer",
            ],
            path: "Tests/Fuzz/Targets", swiftSettings: strict),
        .executableTarget(
            name: "medseg-fuzz", dependencies: ["SegCore", "SegFuzzTargets"], path: "Tests/Fuzz/Program",
            swiftSettings: strict),
        test("FuzzCorpusTests", ["SegTestNeeds", "SegCore", "SegFuzzTargets"]),
        // Ops under sanitizers: `make sanitize`.
        .target(name: "CSanitizeLocks", path: "Tests/Sanitize/Locks"),
        .executableTarget(
            name: "medseg-sanitize",
            dependencies: ["SegBackend", "SegReference", "SegCPU", "SegOpCases", "CSanitizeLocks"],
            path: "Tests/Sanitize/Program", swiftSettings: strict),

        // The needs of tests beside the package: programs, a small disk, and the files of Tests/Golden.
        .target(
            name: "SegTestNeeds", path: "Tests/Needs", exclude: ["apt.sh", "needs.sh", "needs.py"],
            swiftSettings: strict),
        // Ranks that are threads of one process, for tests.
        .target(
            name: "SegTestRanks", dependencies: ["SegCore", "SegComm"], path: "Tests/Ranks", swiftSettings: strict),
        test("SegCommTests", ["SegCore", "SegComm", "SegTestRanks"]),
        test("SegCoreTests", ["SegCore"]),
        test("SegBackendTests", ["SegBackend"]),
        test(
            "BackendParityTests",
            ["SegTestNeeds", "SegBackend", "SegReference", "SegCPU", "SegOpenCL", "SegDevices", "SegOpCases"]),
        test("SegTensorTests", ["SegBackend", "SegReference", "SegCPU", "SegTensor"]),
        test("SegNNTests", ["SegBackend", "SegReference", "SegCPU", "SegTensor", "SegNN"]),
        test(
            "SegModelsTests",
            [
                "SegTestNeeds", "SegCore", "SegBackend", "SegReference", "SegCPU", "SegOpenCL", "SegTensor", "SegNN",
                "SegModels", "SegWeights",
            ]),
        test(
            "SegReplayTests",
            [
                "SegCore", "SegReplay", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegWeights", "SegReference",
                "SegCPU",
            ]),
        test(
            "SegInferenceTests",
            [
                "SegTestNeeds", "SegCore", "SegInference", "SegBackend", "SegTensor", "SegNN", "SegModels",
                "SegWeights", "SegImaging",
                "SegReference", "SegCPU",
            ]),
        test(
            "SegTrainTests",
            [
                "SegTestNeeds", "SegCore", "SegTrain", "SegInference", "SegData", "SegImaging", "SegModels",
                "SegWeights", "SegNN",
                "SegBackend", "SegTensor",
                "SegReference",
                "SegCPU", "SegComm", "SegTestRanks",
            ]
        ),
        test(
            "SegStudyTests",
            [
                "SegCore", "SegStudy", "SegTrain", "SegInference", "SegData", "SegImaging", "SegMetrics", "SegReport",
                "SegModels", "SegCPU",
            ]),
        // Runs the built commands as a user would.
        test("MedSegTests", ["SegTestNeeds", "SegCore", "SegImaging", "SegModels", "SegWeights"]),
        test("SegImagingTests", ["SegTestNeeds", "SegCore", "SegImaging"]),
        test("SegDICOMTests", ["SegTestNeeds", "SegCore", "SegImaging", "SegDICOM", "CDicom"]),
        test("SegMetricsTests", ["SegMetrics"]),
        test("SegReportTests", ["SegCore", "SegReport", "SegImaging"]),
        test("SegDataTests", ["SegTestNeeds", "SegCore", "SegData", "SegDownload", "SegImaging"]),
        test(
            "SegServerTests",
            [
                "SegCore", "SegServer", "SegBackend", "SegReference", "SegModels", "SegWeights", "SegImaging",
                "SegInference", logging,
            ]),
        test(
            "SegNNUNetTests",
            [
                "SegTestNeeds", "SegCore", "SegBackend", "SegCPU", "SegTensor", "SegNN", "SegModels", "SegTrain",
                "SegData",
                "SegImaging", "SegInference", "SegNNUNet", "SegWeights",
            ]),
        test("SegTrackingTests", ["SegTracking"]),
    ]
)
