import Foundation
import SegCore
import SegInference
import SegTestNeeds
import Testing

/// Compares the merging of a bundle's files and a user's changes into one configuration with MONAI's.
@Suite struct BundleConfigurationTests {
    private static let path = GoldenFile("bundle_files.json").path

    private static let names = [
        "later_files_replace", "plus_adds", "changes", "relative_ids", "macros_of_files",
    ]

    /// A configuration whose only other file is `configs/shared.json` of the folder `/bundle`.
    private static func empty(shared: ConfigValue? = nil) -> BundleConfiguration {
        BundleConfiguration(source: "inference.json", folder: "/bundle") { path in
            guard let shared, path == "/bundle/configs/shared.json" else {
                throw DataError(.noInput, path, "is not there")
            }
            return shared
        }
    }

    @Test(arguments: names)
    func filesAndChangesMakeWhatMONAIMakes(_ name: String) throws {
        let document = try ConfigReader(ConfigValue(jsonFile: Self.path), path: "", source: Self.path)
        let shared = try #require(document.value("shared"))
        let golden = try #require(try document.object("cases")?.object(name))
        var configuration = Self.empty(shared: shared)
        guard case .array(let files)? = golden.value("files") else { throw CancellationError() }
        for file in files { try configuration.add(file, from: "inference.json") }
        if case .array(let changes)? = golden.value("changes") {
            for case .array(let change) in changes {
                guard case .string(let id) = change[0] else { throw CancellationError() }
                try configuration.set(id, to: change[1], from: "--bundle-set")
            }
        }
        try configuration.resolve()
        #expect(configuration.value == golden.value("made"))
    }

    @Test(
        arguments: [
            ("a::b", 1, "'a', in which an entry"), ("list::4", 1, "the list has no item 4"),
            ("number::x", 1, "has no entries"),
            ("+number", 1, "can only be added to a list"), ("", 1, "is not a valid id"),
            ("list::x", 1, "the list has no item x"),
        ] as [(String, ConfigValue, String)])
    func changesOfNoPlaceAreNamed(_ id: String, _ value: ConfigValue, _ message: String) throws {
        var configuration = Self.empty()
        try configuration.add(["list": [1, 2], "number": 3], from: "inference.json")
        let error = #expect(throws: DataError.self) { try configuration.set(id, to: value, from: "--bundle-set") }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("@##x", "leads above"), ("%../secret.json::x", "outside of the bundle"),
        ("%/etc/x.json", "outside of the bundle"),
        ("%configs/../../bundle2/x.json", "outside of the bundle"), ("%configs/shared.json::none", "refers to 'none'"),
        ("%configs/shared.json::inner", "contains another macro"), ("%configs/gone.yaml::x", "is not there"),
    ])
    func whatLeadsNowhereIsRefused(_ text: String, _ message: String) throws {
        var configuration = Self.empty(shared: ["inner": ["%configs/shared.json::x"], "x": 1])
        try configuration.add(["entry": .string(text)], from: "inference.json")
        let error = #expect(throws: DataError.self) { try configuration.resolve() }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func macrosThatGrowAreBounded() throws {
        let many = ConfigValue.array([ConfigValue](repeating: 1, count: 1 << 12))
        var configuration = Self.empty(shared: ["many": many])
        let macro = ConfigValue.string("%configs/shared.json::many")
        try configuration.add(["a": .array([ConfigValue](repeating: macro, count: 1 << 9))], from: "inference.json")
        let error = #expect(throws: DataError.self) { try configuration.resolve() }
        #expect(error?.message.contains("more than \(Limits.documentNodes) values") == true)
    }
}
