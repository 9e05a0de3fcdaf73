// swift-tools-version: 6.2
import PackageDescription

// A package that depends on MedSeg, as yours would: it compiles no HTTP stack. `swift run predict MODEL SCAN MASK`.
let package = Package(
    name: "medseg-examples",
    dependencies: [.package(name: "MedSeg", path: "../..", traits: [])],
    targets: ["measure", "nnunet-model", "own-loss", "own-network", "predict", "train-on-arrays", "train-own"].map {
        .executableTarget(name: $0, dependencies: [.product(name: "MedSeg", package: "MedSeg")])
    }
)
