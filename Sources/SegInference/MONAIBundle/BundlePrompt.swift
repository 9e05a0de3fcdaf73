internal import Foundation
internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegModels

/// The classes that a bundle of VISTA3D is asked for, and the windows of the bundle's own inferer.
///
/// The evaluator and the inferer are the code of the model zoo's bundle `vista3d`. They are recognised by the names of their
/// classes and by the content of their files. With a prompt of classes they do the following:
/// - A class in the `subclass` of `VistaPreTransformd` is replaced by its parts.
/// - Without a prompt, the classes are `everything_labels`.
/// - The inferer is MONAI's `SlidingWindowInfererAdapt` with its default overlap; its own `overlap` is for points.
/// - `VistaPostTransformd` gives a voxel the class with the largest logit above 0, under the class's own number.
struct BundlePrompt {
    /// The numbers of the classes, each once, in the order of the prompt.
    let classes: [Int]

    /// The names of the bundle's own classes.
    static let ownClasses: Set<String> = [evaluator, inferer]
    static let evaluator = "scripts.evaluator.Vista3dEvaluator"
    static let inferer = "scripts.inferer.Vista3dInferer"
    /// The function that builds the network.
    static let network = "monai.networks.nets.vista3d132"
    /// The transform after the network.
    static let postTransform = "VistaPostTransformd"
    /// The transform before the network, which leaves the image unchanged.
    static let preTransform = "VistaPreTransformd"

    /// The largest class that the network answers without points, `last_supported`.
    private static let largest = 132
    /// The classes for which the zoo's weights were not trained; the evaluator refuses them in a prompt.
    private static let untrained = [16, 18, 129, 130, 131]

    /// Reads the prompt of a bundle's data.
    /// - Parameter evaluator: A `Vista3dEvaluator`.
    /// - Throws: `DataError` naming what is not supported.
    init(_ document: BundleDocument, evaluator: BundleComponent, folder: String) throws {
        try Self.checkFile("evaluator.py", 0x3CCB_A1F1_692B_4F95, folder)
        let settings = try Self.settings(of: evaluator, document)
        guard let (id, value) = try Self.prompt(document) else {
            let all = try settings.required("everything_labels", settings.ints("everything_labels"))
            guard !all.isEmpty, all.allSatisfy((1...Self.largest).contains) else {
                throw settings.error(
                    "everything_labels", "should be class numbers from 1 to \(Self.largest), not \(all)")
            }
            classes = Self.unique(all)
            return
        }
        let parts = try Self.parts(document)
        let asked = try Self.numbers(value) {
            document.error(
                id, "should be a list of class numbers such as [1, 3], not \(value); names are not supported")
        }
        classes = Self.unique(asked.flatMap { parts[$0] ?? [$0] })
        if let stray = classes.first(where: { !(1...Self.largest).contains($0) || Self.untrained.contains($0) }) {
            throw document.error(
                id,
                "contains \(stray), but VISTA3D segments the classes 1 to \(Self.largest) without "
                    + Self.untrained.map(String.init).joined(separator: ", "))
        }
    }

    /// A repeated class does not change a mask, because the first of equal logits counts.
    private static func unique(_ numbers: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return numbers.filter { seen.insert($0).inserted }
    }

    private static func numbers(_ value: ConfigValue, _ error: () -> DataError) throws -> [Int] {
        guard case .array(let items) = value, !items.isEmpty else { throw error() }
        return try items.map { item in
            guard case .int(let number) = item else { throw error() }
            return number
        }
    }

    /// The evaluator's `hyper_kwargs`, of which `user_prompt` is true.
    private static func settings(of evaluator: BundleComponent, _ document: BundleDocument) throws -> ConfigReader {
        let id = "evaluator::hyper_kwargs"
        guard let entry = evaluator.entry("hyper_kwargs"),
            case .object(var entries) = try document.followed(entry, id: id)
        else { throw document.error(id, "should be an object with user_prompt and everything_labels") }
        let isPrompted = try entries.removeValue(forKey: "user_prompt").map { try document.resolved($0, id: id) }
        guard let isPrompted, BundleComponent.isTruthy(isPrompted) else {
            throw document.error("\(id)::user_prompt", "only true is supported: false validates with label maps")
        }
        if let stray = entries.keys.sorted().first(where: { $0 != "everything_labels" }) {
            throw document.error("\(id)::\(stray)", "is not supported; supported: user_prompt, everything_labels")
        }
        return try ConfigReader(document.resolved(.object(entries), id: id), path: id, source: document.source)
    }

    /// The possible ids of the evaluator's data.
    private static let dataPaths = [
        "evaluator#val_data_loader#dataset#data", "dataloader#dataset#data", "dataset#data",
    ]

    /// The `label_prompt` of all items of the data; nil if they have none.
    private static func prompt(_ document: BundleDocument) throws -> (id: String, value: ConfigValue)? {
        let id = "dataset::data"
        var data: ConfigValue?
        do {
            for path in dataPaths where data == nil { data = try document.component(path) }
        } catch let fault as DataError {
            throw document.error(
                id, "\(fault.message); --bundle-set 'dataset#data=[{label_prompt: [1, 3]}]' gives the prompt without it"
            )
        }
        guard case .array(let items)? = data, !items.isEmpty else {
            throw document.error(id, "should be a list of objects with a label_prompt, not \(data ?? .null)")
        }
        let prompts = try items.map { try prompt(ofItem: $0, id: id, document) }
        guard Set(prompts).count == 1 else {
            throw document.error(id, "has items with different label_prompts; one prompt applies to all scans")
        }
        return prompts[0].map { ("\(id)::label_prompt", $0) }
    }

    private static func prompt(
        ofItem item: ConfigValue, id: String, _ document: BundleDocument
    ) throws -> ConfigValue? {
        guard case .object(let entries) = try document.followed(item, id: id) else {
            throw document.error(id, "should be a list of objects with a label_prompt, not \(item)")
        }
        for key in ["points", "point_labels"] where entries[key] != nil {
            throw document.error(
                "\(id)::\(key)", "is not supported: VISTA3D answers prompts of classes here, but no points")
        }
        return try entries["label_prompt"].map { try document.resolved($0, id: "\(id)::label_prompt") }
    }

    /// The classes that stand for several others: `subclass` of `VistaPreTransformd`.
    private static func parts(_ document: BundleDocument) throws -> [Int: [Int]] {
        let preprocessing = try MONAIBundle.preprocessing(document)
        let faults = FaultList(source: document.source, key: preprocessing.id)
        let chain = try BundleComponent.chain(preprocessing.value, id: preprocessing.id, document, faults)
        guard let step = chain.first(where: { $0.name == preTransform }), let entry = step.entry("subclass") else {
            return [:]
        }
        let id = "\(step.id)::subclass"
        func error() -> DataError {
            document.error(id, "should map class numbers to lists of class numbers, such as {\"2\": [14, 5]}")
        }
        let value = try document.resolved(entry, id: id)
        guard value != .null else { return [:] }
        guard case .object(let entries) = value else { throw error() }
        var parts: [Int: [Int]] = [:]
        for (key, list) in entries {
            guard let number = Int(key) else { throw error() }
            parts[number] = try numbers(list, error)
        }
        return parts
    }
}

extension BundlePrompt {
    /// Reads the windows of a `Vista3dInferer`. A scan that is smaller than a window is padded with zeros.
    static func window(_ component: BundleComponent, folder: String, of description: inout ModelDescription) throws {
        // The content since the zoo's commit 23d25580.
        try checkFile("inferer.py", 0x043C_487E_E2D6_F95F, folder)
        let reader = try component.arguments(ignoring: ["overlap", "sw_batch_size", "use_point_window"])
        description.roiSize = try reader.required("roi_size", reader.triple("roi_size"))
        try reader.finish()
        (description.overlap, description.mode) = (0.25, .constant)
        description.padding = .constant(0)
    }

    /// Refuses a file of the bundle's code with other content than the one of a known hash.
    private static func checkFile(_ name: String, _ known: UInt64, _ folder: String) throws {
        let path = "\(folder)/scripts/\(name)"
        let content = try RegularFile.contents(of: path)
        guard content.withUnsafeBytes({ XXHash64.hash($0, seed: 0) }) == known else {
            throw DataError(
                .badData, path,
                "is not the model zoo's code that MedSeg follows (vista3d at dfae206), and no Python is run")
        }
    }

    /// Gives a description the names and the numbers that a mask has.
    /// - Parameter names: The names of the bundle's classes by number.
    func number(_ description: inout ModelDescription, names: [Int: String]) {
        let own = classes.map { names[$0] ?? "class \($0)" }
        let isUnique = Set(own).count == own.count
        let groups = zip(classes, own).map { number, name in
            LabelScheme.Group(name: isUnique ? name : "class \(number)", numbers: [number])
        }
        description.labelScheme.groups = groups
        description.labelScheme.keepsNumbers = true
        description.labels = Dictionary(uniqueKeysWithValues: groups.enumerated().map { ($0 + 1, $1.name) })
    }
}
