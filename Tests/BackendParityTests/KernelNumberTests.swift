import Foundation
import SegBackend
import Testing

/// The op numbers in the sources of the kernels must be those of the table in SegBackend.
@Suite struct KernelNumberTests {
    private static func source(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Reads `SEGCPU_NAME = 3,` from a C header, from the enum whose name has a given prefix.
    private static func numbersInC(_ path: String, first: String) throws -> [String: Int] {
        let text = try source(path)
        let block = try #require(
            text.matches(of: /enum \{([^}]*)\}/).map { String($0.1) }.first { $0.contains("SEGCPU_\(first) =") },
            "\(path) has no enum with SEGCPU_\(first)")
        return pairs(block.matches(of: /SEGCPU_(\w+) = (\d+),/).map { (String($0.1), String($0.2)) })
    }

    /// Reads `#define NAME 3` from an OpenCL source, from a name to the next empty line.
    private static func numbersInOpenCL(_ path: String, first: String) throws -> [String: Int] {
        let text = try source(path)
        let blocks = text.split(separator: "\n\n").map(String.init)
        let block = try #require(
            blocks.first { $0.contains("#define \(first) ") }, "\(path) has no definition of \(first)")
        return pairs(block.matches(of: /#define (\w+) (\d+)(?:\n|$)/).map { (String($0.1), String($0.2)) })
    }

    private static func pairs(_ found: [(String, String)]) -> [String: Int] {
        Dictionary(found.map { ($0.0, Int($0.1) ?? -1) }) { _, _ in -1 }
    }

    @Test func activationsHaveOneTable() throws {
        let entries = Activation.all.map(\.entry)
        // PReLU has the code of the leaky ReLU.
        let expected = Dictionary(
            uniqueKeysWithValues: entries.filter { $0.name != "prelu" }.map { ($0.name.uppercased(), $0.number) })
        #expect(try Self.numbersInC("Sources/CSegCPU/activation.h", first: "IDENTITY") == expected)
        #expect(try Self.numbersInOpenCL("Kernels/common/activation.cl", first: "IDENTITY") == expected)
        #expect(expected.values.sorted() == Array(0..<expected.count))
    }

    /// A kernel is compiled for each activation that it names; a forgotten one would be the identity.
    @Test func noActivationIsForgottenByAKernel() throws {
        let header = try Self.source("Sources/CSegCPU/activation.h")
        let kernels = try Self.source("Kernels/common/activation.cl")
        for entry in Activation.all.map(\.entry) where entry.name != "prelu" && entry.name != "identity" {
            let name = entry.name.uppercased()
            #expect(header.contains("FUNCTION(SEGCPU_\(name), "), "\(name) is not in FOR_ACTIVATION")
            #expect(header.components(separatedBy: "case SEGCPU_\(name):").count == 4, "\(name)")
            #expect(kernels.components(separatedBy: "case \(name):").count == 3, "\(name)")
        }
    }

    @Test func namesAndParametersLeadBackToTheActivation() {
        let entries = Activation.all.map(\.entry)
        #expect(Set(entries.map(\.name)).count == entries.count)
        let monai = entries.compactMap(\.monai)
        #expect(Set(monai).count == monai.count)
        for activation in Activation.all {
            #expect(Activation.named(activation.entry.name) == activation)
            guard let parameter = activation.entry.parameter else { continue }
            #expect(activation.with(parameter: 0.625).entry.parameter?.value == 0.625)
            #expect(activation.with(parameter: parameter.value) == activation)
        }
    }

    private func check<Op: KernelNumbered>(_ type: Op.Type, first: String) throws {
        let expected = Dictionary(uniqueKeysWithValues: Op.allCases.map { ($0.kernelName, $0.number) })
        #expect(try Self.numbersInC("Sources/CSegCPU/include/segcpu_elementwise.h", first: first) == expected)
        #expect(try Self.numbersInOpenCL("Kernels/elementwise/arithmetic.cl", first: first) == expected)
    }

    @Test func arithmeticHasOneTable() throws {
        try check(BinaryOp.self, first: "ADD")
        try check(UnaryOp.self, first: "EXP")
    }
}
