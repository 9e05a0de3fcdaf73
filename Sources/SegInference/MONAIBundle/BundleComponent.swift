internal import Foundation
internal import SegCore
internal import SegModels

/// A component of a bundle: its `_target_` and its unresolved arguments.
struct BundleComponent {
    /// The class, without its module.
    let name: String
    /// The component's id in the document.
    let id: String
    /// Whether the component's `_disabled_` is true.
    let isDisabled: Bool
    /// The class, as it is written.
    let target: String
    private let entries: [String: ConfigValue]
    private let document: BundleDocument

    /// Reads a component and the entries that every component may have.
    /// - Throws: `DataError` if the value is not a component, or if its class is the bundle's own rather than one of MONAI's.
    init(_ value: ConfigValue, id: String, _ document: BundleDocument) throws {
        guard case .object(let entries) = try document.followed(value, id: id),
            let named = entries["_target_"], case .string(let target) = try document.followed(named, id: id)
        else { throw document.error(id, "should be a component with a _target_, not \(value)") }
        self.entries = entries
        self.target = target
        self.id = id
        self.document = document
        name = Self.name(target)
        isDisabled = try entries["_disabled_"].map { Self.isTrue(try document.resolved($0, id: id)) } ?? false
        let isKnown =
            !target.contains(".") || target.hasPrefix("monai.") || NetworkDefinition.ownClasses.contains(target)
            || BundlePrompt.ownClasses.contains(target)
        guard isDisabled || isKnown else {
            throw document.error(id, "'\(target)' is not supported: it is not a class of MONAI, and no Python is run")
        }
        if let mode = entries["_mode_"], try document.resolved(mode, id: id) != "default" {
            throw document.error("\(id)::_mode_", "only \"default\" is supported, not \(mode)")
        }
        // A component that MONAI instantiates first; anything but a reference would have to be run.
        if let required = entries["_requires_"] { _ = try document.resolved(required, id: "\(id)::_requires_") }
    }

    /// The transforms of a `Compose`, without those that are `_disabled_`.
    /// - Parameter faults: Records every transform that cannot be read.
    static func chain(
        _ value: ConfigValue, id: String, _ document: BundleDocument, _ faults: FaultList
    ) throws -> [BundleComponent] {
        let compose = try BundleComponent(value, id: id, document)
        guard compose.name == "Compose", !compose.isDisabled, let list = compose.entries["transforms"],
            case .array(let items) = try document.followed(list, id: "\(id)::transforms")
        else {
            throw document.error(id, "should be a Compose of transforms, not '\(compose.target)'")
        }
        let reader = try compose.arguments(ignoring: ["transforms", "log_stats"])
        try reader.expect("map_items", true)
        try reader.expect("unpack_items", false)
        try reader.expect("lazy", false)
        try reader.finish()
        return items.enumerated().compactMap { number, item in
            faults.part { try BundleComponent(item, id: "\(id)::transforms::\(number)", document) }
        }.filter { !$0.isDisabled }
    }

    /// A network's definition: the class and its arguments, without the entries that every component may have.
    static func definition(_ value: ConfigValue, id: String, _ document: BundleDocument) throws -> ConfigValue {
        let network = try BundleComponent(value, id: id, document)
        guard !network.isDisabled else { throw document.error(id, "the network is disabled") }
        var entries = network.entries.filter { !reserved.contains($0.key) }
        entries["_target_"] = .string(network.target)
        // The device of a topology's parameters may be any Python expression, and has no effect here.
        if let named = entries["dints_space"], case .object(var space) = try document.followed(named, id: id) {
            space["device"] = nil
            entries["dints_space"] = .object(space)
        }
        return try document.resolved(.object(entries), id: id)
    }

    /// The entries that every component may have.
    private static let reserved: Set<String> = ["_target_", "_desc_", "_requires_", "_disabled_", "_mode_"]

    /// The resolved arguments, without the ignored ones, which have no effect here and may hold any Python.
    /// - Parameter replaced: Values that replace the component's own.
    func arguments(
        ignoring ignored: [String] = [], choosing item: String? = nil, perKey: [String] = [],
        replacing replaced: [String: ConfigValue] = [:]
    ) throws -> ConfigReader {
        let skipped = Self.reserved.union(ignored)
        let own = entries.filter { !skipped.contains($0.key) }.merging(replaced) { $1 }
        var resolved = try document.resolved(.object(own), id: id)
        if let item, case .object(var arguments) = resolved, case .array(let keys)? = arguments["keys"] {
            let place = keys.firstIndex(of: .string(item))
            for name in perKey {
                guard case .array(let values)? = arguments[name], let place else { continue }
                guard values.indices.contains(place) else {
                    throw document.error("\(id)::\(name)", "should have a value for each of the keys")
                }
                arguments[name] = values[place]
            }
            resolved = .object(arguments)
        }
        let reader = try ConfigReader(resolved, path: id, source: document.source)
        for key in ignored { reader.ignore(key) }
        return reader
    }

    /// The arguments of a transform of one item, such as `image`. It is an error if the transform's `keys` lack this item.
    /// - Parameter perKey: The arguments that may be lists with one value per key.
    func arguments(
        of item: String, ignoring ignored: [String] = [], perKey: [String] = [],
        replacing replaced: [String: ConfigValue] = [:]
    ) throws -> ConfigReader {
        let reader = try arguments(ignoring: ignored, choosing: item, perKey: perKey, replacing: replaced)
        reader.ignore("allow_missing_keys")
        switch reader.value("keys") {
        case nil: break
        case .string(let key)? where key == item: break
        case .array(let keys)? where keys.count(where: { $0 == .string(item) }) == 1: break
        case .array(let keys)? where keys.contains(.string(item)):
            throw reader.error("keys", "should contain '\(item)' once, not \(keys.count) times")
        case let keys?: throw reader.error("keys", "should contain '\(item)', not \(keys)")
        }
        return reader
    }

    /// An argument, unresolved.
    func entry(_ key: String) -> ConfigValue? { entries[key] }

    /// The error for a class that is not supported.
    func unsupported(_ supported: [String]) -> DataError {
        document.error(id, "'\(target)' is not supported; supported: \(supported.joined(separator: ", "))")
    }

    /// Whether a value is true in Python.
    static func isTruthy(_ value: ConfigValue) -> Bool {
        if case .string(let text) = value { !text.isEmpty } else { isTrue(value) }
    }

    /// Whether a value of MONAI's `_disabled_` is true; the only string that is true is "true", in any case.
    static func isTrue(_ value: ConfigValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let truth): truth
        case .int(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): text.trimmingCharacters(in: .whitespacesAndNewlines).lowercased() == "true"
        case .array(let items): !items.isEmpty
        case .object(let entries): !entries.isEmpty
        }
    }

    /// `monai.transforms.LoadImaged`, `LoadImageD` and `LoadImageDict` are all `LoadImaged`.
    private static func name(_ target: String) -> String {
        let name = target.split(separator: ".").last.map(String.init) ?? target
        if name.hasSuffix("Dict") { return name.dropLast(4) + "d" }
        return name.hasSuffix("D") ? name.dropLast() + "d" : name
    }
}

extension ConfigReader {
    /// Checks that an argument is given and has its only supported value, which is not its default in MONAI.
    /// - Throws: `DataError` if the argument is absent or has another value.
    func expect(_ key: String, _ supported: ConfigValue, default other: ConfigValue) throws {
        guard value(key) != nil else {
            throw error(key, "defaults to \(other), but only \(supported) is supported; give it explicitly")
        }
        try expect(key, supported)
    }

    /// Checks that an argument is absent or has one of the supported values.
    /// - Throws: `DataError` if the argument has another value.
    func expect(_ key: String, among supported: [ConfigValue]) throws {
        guard let value = value(key), !supported.contains(value) else { return }
        let list = supported.map(\.description).joined(separator: ", ")
        throw error(key, "\(value) is not supported; supported: \(list)")
    }
}
