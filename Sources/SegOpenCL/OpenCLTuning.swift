import Foundation
internal import SegBackend
internal import SegCore
internal import Synchronization

/// The fastest plan for each op and its sizes on one device and driver, and the file that stores the plans.
///
/// The file is `tuning/<device and driver>.json` in the cache folder, or `$MEDSEG_TUNING`. A file of another device,
/// driver or format, or with an entry that is not a plan of this device, is left unchanged and causes a warning. A plan
/// decides the speed of a result and its rounding: the order of sums, and the algorithm.
final class OpenCLTuning: Sendable {
    private struct State {
        var plans: [String: Conv3dPlan] = [:]
        /// The plans of the file, set aside when a search begins; the search times all plans again.
        var replaced: [String: Conv3dPlan] = [:]
        var isSearching = false
    }

    /// The form of a file on disk.
    private struct File: Codable {
        var format: String
        var device: String
        var driver: String
        var plans: [String: String]
    }

    private static let format = "medseg-tuning-1"

    private let device: OpenCLDevice
    private let state: Mutex<State>
    /// The file of the plans; nil for none.
    let file: URL?
    /// A line that explains why the file was not used; nil if it was used or does not exist.
    let warning: String?

    init(device: OpenCLDevice, file: URL?) {
        self.device = device
        self.file = file
        var (initial, warning) = (State(), String?.none)
        if let file, let data = try? Data(contentsOf: file) {
            switch Self.read(data, for: device) {
            case .success(let plans): initial.plans = plans
            case .failure(let reason): warning = "\(file.path) is not used: \(reason.description)"
            }
        }
        self.warning = warning
        state = Mutex(initial)
    }

    /// The file of a device in a cache folder, or the file that the environment sets.
    static func file(of device: OpenCLDevice, folder: URL?, _ environment: [String: String]) -> URL? {
        if let own = environment["MEDSEG_TUNING"] { return own.isEmpty ? nil : URL(fileURLWithPath: own) }
        let key = XXHash64.hex("\(device.hardware)\n\(device.driver)".utf8).prefix(16)
        return folder?.appendingPathComponent("tuning").appendingPathComponent("\(key).json")
    }

    /// Whether a search is on. Whenever a size occurs for the first time in a search, the plans are timed for it.
    var isSearching: Bool {
        get { state.withLock { $0.isSearching } }
        set {
            state.withLock { state in
                if newValue && !state.isSearching { swap(&state.plans, &state.replaced) }
                state.isSearching = newValue
            }
        }
    }

    /// The plans in use, by op and sizes: those of the file or, once a search has begun, those that the search found.
    var plans: [String: Conv3dPlan] { state.withLock { $0.plans } }

    func keep(_ plan: Conv3dPlan, for key: String) { state.withLock { $0.plans[key] = plan } }

    /// Replaces the whole file and returns its path.
    /// - Throws: `DataError` if the file cannot be written.
    func save() throws -> String {
        guard let file else { throw CocoaError(.fileNoSuchFile) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let content = File(
            format: Self.format, device: device.hardware, driver: device.driver,
            plans: state.withLock { $0.replaced.merging($0.plans) { $1 } }.mapValues(\.description))
        let folder = file.deletingLastPathComponent().path
        try DurableFile.makeFolder(folder)
        DurableFile.removeLeftovers(in: folder)
        try DurableFile.write(encoder.encode(content), to: file.path)
        return file.path
    }

    private struct Reason: Error, CustomStringConvertible {
        let description: String
    }

    private static func read(_ data: Data, for device: OpenCLDevice) -> Result<[String: Conv3dPlan], Reason> {
        guard let file = try? JSONDecoder().decode(File.self, from: data), file.format == format else {
            return .failure(Reason(description: "it is not a tuning file of this version; run medseg-bench tune"))
        }
        guard file.device == device.hardware, file.driver == device.driver else {
            return .failure(Reason(description: "it was made on \(file.device), \(file.driver); run medseg-bench tune"))
        }
        var plans: [String: Conv3dPlan] = [:]
        // A file contains plans of every precision; tiles need more local memory with matrix units.
        let units = MatrixUnits(.tf32, isEmulated: false)
        for (key, text) in file.plans {
            guard let plan = Conv3dPlan(text), plan.fits(device, units), plan.suits(key) else {
                return .failure(
                    Reason(description: "this device cannot run '\(text)' for \(key); run medseg-bench tune"))
            }
            plans[key] = plan
        }
        return .success(plans)
    }
}
