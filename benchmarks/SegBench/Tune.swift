import ArgumentParser
import SegBackend

/// `medseg-bench tune`: a search for the fastest algorithm of each op of a network on a device.
struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Searches tiles and algorithms for the ops of networks; later runs on the device use what is found.",
        discussion: """
            Every convolution and product of an inference and a training step is timed in each way that the device \
            can run. What is fastest goes into the cache folder, under the names of device and driver; \
            MEDSEG_TUNING names another file, and an empty one turns it off.
            """)

    @Option(parsing: .upToNextOption, help: "The networks: unet, vnet, unetr.")
    var names: [String] = ["unet", "vnet", "unetr"]

    @Option(help: "Extents of a patch.")
    var size = 96

    @Option(help: "Patches in a batch.")
    var batch = 1

    @OptionGroup var device: DeviceOptions

    func run() throws {
        try BenchNetwork.check(names, size: size)
        let backend = try device.makeBackend()
        guard let tunable = backend as? any TunableBackend else {
            throw ValidationError("there is nothing to tune on \(backend.name); name an OpenCL device")
        }
        guard device.force.isEmpty else { throw ValidationError("--force leaves nothing to search for") }
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
