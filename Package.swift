// swift-tools-version: 6.2
import PackageDescription

/// Settings every Swift target shares: the import rules of DESIGN section 1 are enforced by the build, not by review.
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
    "common", "attention", "conv", "elementwise", "gemm", "loss", "memory", "norm", "optim", "pool", "reduce",
    "resample", "window",
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "MedSeg",
    products: [
        .executable(name: "medseg", targets: ["medseg"]),
        .executable(name: "medseg-bench", targets: ["medseg-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // What C offers, nothing added.
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "COpenCL", pkgConfig: "OpenCL", providers: [.apt(["ocl-icd-opencl-dev"])]),
        .systemLibrary(name: "CNIfTI", providers: [.apt(["libnifti-dev", "libnifti2-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),

        // Backends: protocol, oracle, CPU, and the one place that knows them all.
        swiftTarget("SegBackend"),
        swiftTarget("SegReference", ["SegBackend"]),
        .target(name: "CSegCPU", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
        swiftTarget("SegCPU", ["SegBackend", "CSegCPU", "COpenBLAS"]),
        .target(
            name: "SegKernels", path: "Kernels", resources: kernelFolders.map { .copy($0) }, swiftSettings: strict),
        swiftTarget("SegOpenCL", ["SegBackend", "SegKernels", "COpenCL"]),
        swiftTarget("SegDevices", ["SegBackend", "SegReference", "SegCPU", "SegOpenCL"]),

        // Learning.
        swiftTarget("SegTensor", ["SegBackend"]),
        swiftTarget("SegNN", ["SegBackend", "SegTensor"]),
        swiftTarget("SegModels", ["SegBackend", "SegTensor", "SegNN"]),

        // Imaging: plain Swift on arrays.
        swiftTarget("SegImaging", ["CNIfTI"]),
        swiftTarget("SegMetrics"),
        swiftTarget("SegReport", ["SegImaging", "CCairo"]),
        swiftTarget("SegTracking"),

        // Where both meet.
        swiftTarget("SegData", ["SegImaging"]),
        swiftTarget("SegInference", ["SegBackend", "SegTensor", "SegNN", "SegModels", "SegImaging"]),
        swiftTarget(
            "SegTrain",
            ["SegBackend", "SegTensor", "SegNN", "SegModels", "SegImaging", "SegData", "SegMetrics", "SegInference"]),

        // Op cases that the tests and the benchmark share.
        swiftTarget("SegOpCases", ["SegBackend"]),
        // Captures of PyTorch and MONAI, replayed by the tests and the benchmark.
        swiftTarget("SegReplay", ["SegBackend", "SegTensor", "SegNN", "SegModels", "SegOpCases"]),

        // Commands: argument parsing and printing only.
        .executableTarget(
            name: "medseg",
            dependencies: [
                "SegBackend", "SegDevices", "SegTensor", "SegNN", "SegModels", "SegImaging", "SegMetrics", "SegData",
                "SegTrain", "SegInference", "SegReport", "SegTracking", argumentParser, yams,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "medseg-bench",
            dependencies: [
                "SegBackend", "SegDevices", "SegTensor", "SegNN", "SegModels", "SegOpCases", "SegReplay",
                argumentParser,
            ],
            path: "benchmarks/SegBench",
            swiftSettings: strict),

        test("SegBackendTests", ["SegBackend"]),
        test("BackendParityTests", ["SegBackend", "SegReference", "SegCPU", "SegOpenCL", "SegDevices", "SegOpCases"]),
        test("SegTensorTests", ["SegBackend", "SegReference", "SegCPU", "SegTensor"]),
        test("SegNNTests", ["SegBackend", "SegReference", "SegCPU", "SegTensor", "SegNN"]),
        test(
            "SegModelsTests", ["SegBackend", "SegReference", "SegCPU", "SegOpenCL", "SegTensor", "SegNN", "SegModels"]),
        test("SegReplayTests", ["SegReplay", "SegBackend", "SegReference", "SegCPU"]),
        test(
            "SegInferenceTests",
            [
                "SegInference", "SegBackend", "SegTensor", "SegNN", "SegModels", "SegImaging", "SegReference", "SegCPU",
            ]),
        test(
            "SegTrainTests",
            [
                "SegTrain", "SegInference", "SegData", "SegImaging", "SegModels", "SegNN", "SegBackend", "SegReference",
                "SegCPU",
            ]
        ),
        // Runs the built commands as a user would.
        test("MedSegTests", ["SegImaging", "SegModels"]),
        test("SegImagingTests", ["SegImaging"]),
        test("SegMetricsTests", ["SegMetrics"]),
        test("SegReportTests", ["SegReport", "SegImaging"]),
        test("SegDataTests", ["SegData", "SegImaging"]),
        test("SegTrackingTests", ["SegTracking"]),
    ]
)
