import Foundation
import SegTestNeeds
import Testing

/// The YAML of configurations: its meaning, and its limits of size.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct YAMLCommandTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func printed(_ yaml: String, _ arguments: String...) throws -> Command.Outcome {
        let file = try folder.write(Array(yaml.utf8), as: "train.yaml")
        return try Command.medseg(list: ["train", file, "--print-config"] + arguments)
    }

    /// The small configuration with lines that replace those with the same keys.
    private func changed(_ lines: String...) -> String {
        lines.reduce(SmallDataset.yaml) { yaml, line in
            let key = String(line.prefix { $0 != ":" })
            let kept = yaml.split(separator: "\n").filter { !$0.hasPrefix(key + ":") }
            return kept.joined(separator: "\n") + "\n" + line + "\n"
        }
    }

    @Test func aliasesAndMergeKeysAreReplacedByWhatTheyStandFor() throws {
        let aliased = try printed(changed("roi_size: &size [12, 12, 8]", "iterations: 10"))
        #expect(aliased.status == 0 && aliased.output.contains("roi_size: [12, 12, 8]"), "\(aliased)")
        let yaml = changed("validation: [&one ct_1, ct_2, *one]")
        expectFailure(try printed(yaml.replacing(", *one", with: ", *none")), 65, "undefined alias")
        #expect(try printed(yaml).output.contains("validation: [ct_1, ct_2, ct_1]"))
        let merged = try printed(
            changed("optimizer: {<<: [{learning_rate: 0.5}, {learning_rate: 0.7, name: sgd}], weight_decay: 0.25}"))
        #expect(merged.status == 0, "\(merged)")
        for line in ["learning_rate: 0.5", "name: sgd", "weight_decay: 0.25"] {
            #expect(merged.output.contains(line), "\(merged.output)")
        }
        let own = try printed(changed("optimizer: {learning_rate: 0.1, <<: {learning_rate: 0.5}}"))
        #expect(own.output.contains("learning_rate: 0.1"), "\(own)")
        expectFailure(try printed(changed("optimizer: {<<: 5}")), 65, "the value of '<<' should be an object")
    }

    /// Texts of a few hundred bytes that expand to billions of values, or endlessly.
    static let bombs: [(yaml: String, words: String)] = [
        (nest { "[\($0)]" }, "aliases expanded, it has more than"),
        (nest { "{<<: [\($0)]}" }.replacing("[x,x,x,x,x,x,x,x,x,x]", with: "{}"), "aliases expanded, it has more than"),
        (nest { "[\($0)]" } + "b: {*a8 : 1, *a8 : 2}\n", "a key should be plain text"),
        (nest { "[\($0)]" } + "b: {[*a8]: 1, [*a8]: 2}\n", "a key should be plain text"),
        (nest { "[\($0)]" } + "b:\n  ? *a8\n  : 1\n  ? *a8\n  : 2\n", "a key should be plain text"),
        (
            "a0: &a0 \(String(repeating: "x", count: 4000))\na1: &a1 [\(tenfold("a0"))]\n"
                + (2..<6).map {
                    "a\($0): &a\($0) [\(tenfold("a\($0 - 1)"))]\n"
                }.joined(), "its texts have more than"
        ),
        ("a: \(String(repeating: "[", count: 80))\(String(repeating: "]", count: 80))", "nested more than 64 levels"),
        (
            "a: {<<: &a0 {}}\n" + (1..<90).map { "b\($0): {<<: &a\($0) {<<: *a\($0 - 1)}}\n" }.joined(),
            "nested more than"
        ),
        ("a: \"\(String(repeating: "x", count: 256 << 10))\"", "at most 262144 are read"),
        ("a: \(String(repeating: "[", count: 100_000))", "nested too deep"),
        ("a: e\(String(repeating: "\u{315}\u{300}", count: 30_000))", "combining characters"),
        ("\"e\(String(repeating: #"\u0315\u0300"#, count: 20))\": 1", "combining characters"),
    ]

    private static func tenfold(_ name: String) -> String {
        Array(repeating: "*\(name)", count: 10).joined(separator: ",")
    }

    private static func nest(_ list: (String) -> String) -> String {
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            + (1..<9).map { "a\($0): &a\($0) \(list(tenfold("a\($0 - 1)")))\n" }.joined()
    }

    @Test(arguments: bombs)
    func whatGrowsWithoutEndIsRefused(_ yaml: String, _ words: String) throws {
        expectFailure(try printed(yaml), 65, "train.yaml", words)
    }

    @Test func aKeyThatStandsTwiceIsRefusedWithItsLine() throws {
        expectFailure(try printed("data: .\nseed: 1\nseed: 2\n"), 65, "line 2", "'seed'")
        expectFailure(try printed("data: .\n\"seed\": 1\nseed: 2\n"), 65, "'seed'")
    }

    @Test(arguments: [
        ("seed: 0x10", "seed: 16"), ("seed: 1_000", "seed: 1000"), ("seed: 010", "seed: 8"),
        ("validation: [yes, 'yes', \"1\", ~x]", ""),
        ("validation: ['yes', \"1\", 1a]", #"validation: ["yes", "1", "1a"]"#),
        ("validation: [!!str 1, !!str yes]", #"validation: ["1", "yes"]"#), ("minutes: null", "minutes: null"),
        ("minutes: ~", "minutes: null"), ("overlap: !!float 0.5", "overlap: 0.5"), ("overlap: 5e-1", "overlap: 0.5"),
        ("recompute: on", "recompute: true"),
    ])
    func scalarsAreThoseOfYAML(_ line: String, _ printedLine: String) throws {
        let outcome = try printed(changed(line))
        // A configuration with a truth value in place of text is refused.
        guard !printedLine.isEmpty else { return expectFailure(outcome, 65, "validation", "not true") }
        #expect(outcome.status == 0 && outcome.output.contains(printedLine), "\(outcome)")
    }

    @Test func tagsThatAskForSomethingElseAreRefused() throws {
        for value in ["!env SEED", "!!int x", "!!python/tuple [1]", "!!set {a}"] {
            expectFailure(try printed("data: .\nseed: \(value)\n"), 65, "line 2", "tag")
        }
    }

    @Test func anEmptyFileAndEmptyKeysAreNamed() throws {
        expectFailure(try printed("# nothing\n"), 65, "is empty")
        expectFailure(try printed(SmallDataset.yaml, "--set", ".=1"), 64, "--set .=1")
        expectFailure(try printed(SmallDataset.yaml, "--set", "seed=[1"), 64, "--set seed=[1", "line")
    }
}
