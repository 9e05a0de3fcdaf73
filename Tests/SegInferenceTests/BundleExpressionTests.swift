import Foundation
import SegCore
import SegImaging
import SegInference
import Testing

/// Expressions of bundles, tested through an argument that gets their value.
@Suite struct BundleExpressionTests {
    private static let entries: [String: ConfigValue] = [
        "network_def": [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
            "strides": [2],
        ],
        "inferer": ["_target_": "SimpleInferer"],
        "postprocessing": [
            "_target_": "Compose", "transforms": [["_target_": "AsDiscreted", "keys": "pred", "argmax": true]],
        ],
        "high": true, "low": 0, "list": [3, "@four", "$2 + 3"], "four": 4, "table": ["a": ["b": 7]], "name": "RAS",
        "more": "%list", "nested": "$@list[2]",
    ]

    /// The upper end of the intensity window that results from an expression.
    private static func number(_ expression: String) throws -> Double? {
        try bundle(["a_max": .string(expression)]).description.preprocessing.window?.aMax
    }

    private static func bundle(
        _ arguments: [String: ConfigValue], codes: ConfigValue = "RAS", entries: [String: ConfigValue] = entries
    ) throws -> MONAIBundle {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let models = folder.appendingPathComponent("models")
        try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
        try Data([0]).write(to: models.appendingPathComponent("model.pt"))
        let window: [String: ConfigValue] = [
            "_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 1, "b_min": 0, "b_max": 1,
        ]
        var value = entries
        value["preprocessing"] = [
            "_target_": "Compose",
            "transforms": [
                ["_target_": "LoadImaged", "keys": "$monai.utils.CommonKeys.IMAGE", "ensure_channel_first": true],
                ["_target_": "Orientationd", "keys": "image", "axcodes": codes],
                .object(window.merging(arguments) { $1 }),
            ],
        ]
        return try MONAIBundle(folder: folder.path, inference: .object(value), source: "inference.json", metadata: nil)
    }

    /// NumPy computes with arrays element by element, whereas `+` and `*` lengthen Python's lists.
    @Test(arguments: [
        "$len(numpy.array([1, 2]) + numpy.array([3, 4]))", "$len(numpy.array([1, 2]) * 3)",
        "$1 if numpy.array([1, 2]) else 2", "$1 if numpy.array([1]) == 1 else 2", "$1 if not numpy.array([0]) else 2",
        "$len(numpy.array([[1], [2]])[0] * 2)",
    ])
    func arraysAreNoLists(_ expression: String) {
        let error = #expect(throws: DataError.self) { try Self.number(expression) }
        #expect(error?.description.contains("has no value") == true, "\(error?.description ?? "")")
    }

    @Test(
        arguments: [
            ("$1 + 2 * 3", 7), ("$(1 + 2) * 3", 9), ("$-2 ** 2", -4), ("$2 ** -1", 0.5), ("$7 // 2 - 7 % 4", 0),
            ("$-7 // 2", -4), ("$-7 % 4", 1), ("$7 / 2", 3.5), ("$1e2 - 1_0", 90), ("$.5", 0.5),
            ("$10 if @high else 20", 10),
            ("$10 if not @high else 20", 20), ("$10 if @low else 20 if @high else 30", 20), ("$@low or 5", 5),
            ("$@high and 6", 6), ("$1 if @four == 4.0 and @name != 'LPS' else 0", 1), ("$1 if @low is None else 2", 2),
            ("$1 if @low is not None else 2", 1), ("$len(@list)", 3), ("$@list[0] + @list[-2]", 7), ("$@list[2]", 5),
            ("$@nested", 5), ("$@more[1]", 4), ("$@table['a']['b']", 7), ("$@table#a#b + @table::a::b", 14),
            ("$@list[@low]", 3), ("$[1, 2, 3][1]", 2), ("$(4, 5)[0]", 4), ("$(6,)[0]", 6),
            ("$len([1, 2] * 3 + [4])", 7),
            ("${'a': 8}['a']", 8), ("$int(2.9) + round(2.5) + round(3.5)", 8), ("$float('1' != '2')", nil),
            ("$int(@high)", nil),
            ("$max(1, 9, 3) - min([4, 2])", 7), ("$sum([1, 2.5])", 3.5), ("$abs(-3)", 3), ("$len('abc')", 3),
            ("$1 if os.path.exists(@bundle_root + '/models/model.pt') else 2", 1),
            ("$1 if not os.path.exists('models/other.pt') else 2", 1), ("$torch.from_numpy([1, 6])[1]", 6),
            ("$len(numpy.array([1, 2]))", 2), ("$1 if numpy.array([0]) is None else 2", 2),
            ("$list(numpy.array([3, 4]))[1]", 4), ("$1 if 3 > 2 else 0", 1), ("$1 if 2 <= 1 else 0", 0),
            ("$len(str(100))", 3), ("$bool([]) or 3", 3), ("$len(range(4))", 4), ("$list(range(2, 5))[0]", 2),
            ("$len(list(range(3, 1)) + [7])", 1), ("$copy.deepcopy(@list)[0]", 3),
            ("$monai.networks.nets.UNet(channels=[4, @four], spatial_dims=3)['channels'][1]", 4),
        ] as [(String, Double?)])
    func expressionsHaveThePythonValue(_ expression: String, _ expected: Double?) throws {
        if let expected {
            #expect(try Self.number(expression) == expected)
        } else {
            #expect(throws: DataError.self) { try Self.number(expression) }
        }
    }

    @Test func textsAreAddedAndJoined() throws {
        for codes in ["$'R' + 'AS'", "@name", "$@name", "$@name.to(@device)", "$'LPS' if @low else @name"] {
            #expect(try Self.bundle([:], codes: .string(codes)).description.preprocessing.orientation == "RAS")
        }
    }

    @Test(arguments: [
        ("$__import__('os').system('true')", "is Python"), ("$open('/etc/passwd').read()", "is Python"),
        ("$[x for x in range(3)]", "is Python"), ("$1 +", "is Python"), ("$1 < 2 < 3", "is Python"),
        ("$'a\\n'", "is Python"), ("$@high.numpy()", "is Python"), ("$1 / 0", "a division by 0"),
        ("$1 % 0", "a division by 0"), ("$@list[3]", "has no item 3"), ("$@table['x']", "no key 'x'"),
        ("$'a' * 3", "not defined"), ("$'a' - 1", "not defined"), ("$9223372036854775807 + 1", "too large"),
        ("$2 ** 63", "too large"), ("$len(5)", "not defined"), ("$[0] * 10000000", "too long"),
        ("$[[0] * 1000] * 1000 == [[0] * 1000] * 1000", "not compared"), ("$@nothing + 1", "refers to nothing"),
        ("%other.json::x", "the macro reads 'other.json', which cannot be read"), ("$-'a'", "has no negative"),
        ("$min()", "takes numbers"), ("$torch.load('/etc/passwd')", "'/etc/passwd' lies outside of the bundle"),
        ("$torch.load(@bundle_root + '/../x.pt')", "lies outside of the bundle"),
        ("$1 if os.path.exists('/etc/passwd') else 0", "lies outside of the bundle"),
        ("$torch.load('x.pt', pickle_module=os)", "is Python"),
        ("$torch.load('models/model.pt')", "is not a checkpoint"), ("$len(range(1, 2, 3))", "one or two integers"),
        ("$len(range(10000000))", "too long"), ("$range(-9223372036854775807, 9223372036854775807)", "too long"),
        // In a set of a few numbers, Python's order may differ from that of the numbers.
        ("$list(set([i+1 for i in range(12)]) - set([1,2,3,4,5,6,7,8,9,10]))", "is Python"),
        ("$monai.networks.nets.UNet(3)", "is Python"), ("$monai.networks.nets.UNet(_target_='x')", "is Python"),
    ])
    func whatHasNoValueIsRefusedByName(_ expression: String, _ reason: String) throws {
        let error = try #require(throws: DataError.self) { try Self.number(expression) }
        #expect(error.description.contains(reason), "\(error)")
    }

    /// Brackets, chains of operators and circular references end in an immediate refusal.
    @Test(.timeLimit(.minutes(1))) func hostileExpressionsAreBounded() throws {
        let deep = String(repeating: "(", count: 20_000) + "1" + String(repeating: ")", count: 20_000)
        let not = String(repeating: "not ", count: 15_000) + "1"
        let powers = String(repeating: "2 ** ", count: 10_000) + "1"
        let sums = String(repeating: "1 + ", count: 15_000) + "1"
        for text in [deep, not, powers, sums, String(repeating: "-", count: 60_000) + "1"] {
            _ = try? Self.number("$" + text)
        }
        #expect(throws: DataError.self) { try Self.number("$" + deep) }
        // Eight lists whose items refer to the next list two hundred times.
        var lists: [String: ConfigValue] = ["l8": [1]]
        for level in 0..<8 {
            let names = [String](repeating: "@l\(level + 1)[0]", count: 200).joined(separator: " + ")
            lists["l\(level)"] = [.string("$" + names)]
        }
        let error = #expect(throws: DataError.self) {
            try Self.bundle(["a_max": "$@l0[0]"], entries: Self.entries.merging(lists) { $1 })
        }
        // Three lists of a million items each, which refer to each other.
        let wide: [String: ConfigValue] = ["w": "$[@v] * 1000", "v": "$[@u] * 1000", "u": "$[1] * 1000"]
        let large = #expect(throws: DataError.self) {
            try Self.bundle(["a_max": "@w"], entries: Self.entries.merging(wide) { $1 })
        }
        #expect(large?.message.contains("makes more than") == true, "\(large?.description ?? "")")
        #expect(error?.message.contains("too often") == true, "\(error?.description ?? "")")
        #expect(throws: DataError.self) { try Self.number("$" + powers) }
    }
}
