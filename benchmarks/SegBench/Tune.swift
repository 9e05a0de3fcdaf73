import ArgumentParser
import SegBackend

/// `medseg-bench tune`: a search for the fastest algorithm of each op of a network on a device.
struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Searches for the fastest tiles and algorithms of ops; later runs on the device use them.",
        discussion: """
            Every convolution and product of an inference and a training step is timed with each algorithm that the \
            device can run. The fastest ones are written to a file for the device and driver in the cache folder; \
            MEDSEG_TUNING sets another file, and an empty value turns it off.
            """)

    @Option(parsing: .upToNextOption, help: "The networks: unet, vnet, unetr.")
    var names: [String] = ["unet", "vnet", "unetr"]

    @Option(help: "The size of a patch.")
    var size = 96

    @Option(help: "The number of patches in a batch.")
    var batch = 1

    @OptionGroup var device: DeviceOptions

    func run() throws {
        try BenchNetwork.check(names, size: size)
        let backend = try device.makeBackend()
        guard let tunable = backend as? any TunableBackend else {
            throw ValidationError("there is nothing to tune on \(backend.name); pass an OpenCL device to --device")
        }
        guard device.force.isEmpty else { throw ValidationError("--force leaves nothing to search for; remove it") }
        tunable.isTuning = true
        for name in names {
            let known = tunable.tunedPlans
            let network = try BenchNetwork(name, size: size, batch: batch, on: backend)
            try network.infer()
            try network.step()
            try backend.synchronize()
            let found = tunable.tunedPlans.filter { known[$0.key] == nil }
            print("\(name): \(found.count) found")
            for (op, plan) in found.sorted(by: { $0.key < $1.key }) { print("  \(op): \(plan)") }
        }
        print("written to \(try tunable.saveTuning())")
    }
}
