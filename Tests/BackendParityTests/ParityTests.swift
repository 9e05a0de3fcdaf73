import SegBackend
import SegCPU
import SegCore
import SegOpCases
import SegReference
import Testing

/// Compares every backend with the reference, case by case.
@Suite struct ParityTests {
    /// One backend of each kind for all tests, as in a program.
    private static let made = Result { try backends.map { ($0.name, try $0.make()) } }

    @Test(arguments: OpCases.all)
    func agreesWithTheReference(_ opCase: OpCase) throws {
        for (name, backend) in try Self.made.get() {
            let parity = try Parity(opCase, on: backend, against: ReferenceBackend())
            #expect(!parity.rows.isEmpty && parity.passes, "\(name): \(parity)")
        }
    }

    /// The direct algorithm of the CPU's convolutions, within the tolerance of an op, also where the cost model would
    /// choose Winograd's.
    @Test(arguments: OpCases.all.filter { $0.name.hasPrefix("conv") }, [Conv3dAlgorithm.direct, .product])
    func directAndProductsAgreeWithTheReference(_ opCase: OpCase, _ algorithm: Conv3dAlgorithm) throws {
        let backend = try CPUBackend(threads: 2, forcing: algorithm)
        let parity = try Parity(opCase, on: backend, against: ReferenceBackend()) { _ in nil }
        #expect(!parity.rows.isEmpty && parity.passes, "\(parity)")
    }

    /// Every size of Winograd's algorithm wherever it is possible, also where the cost model would not choose it. The
    /// rounding error of each size is that of its interpolation points, and other points would exceed it.
    @Test(arguments: WinogradForm.allCases)
    func winogradAgreesWithTheReference(_ form: WinogradForm) throws {
        let cases = OpCases.winograd(taps: form.taps, stride: form.stride)
        #expect(cases.count > 40)
        let backend = try CPUBackend(threads: 2, forcing: .winograd(form))
        for opCase in cases {
            let parity = try Parity(opCase, on: backend, against: ReferenceBackend()) { _ in
                form == .four5 ? .winograd : .op
            }
            #expect(!parity.rows.isEmpty && parity.passes, "\(form): \(parity)")
            for row in parity.rows {
                #expect(row.error.relative < WinogradRounding.most[form] ?? 0, "\(form): \(opCase), \(row)")
            }
        }
    }

    /// The names of algorithms for `medseg-bench --force`; both backends have the same names for the same algorithms.
    @Test func theCPUIsForcedByName() throws {
        let backend = try CPUBackend(threads: 1)
        #expect(backend.forceable == ["direct", "product", "winograd 2", "winograd 3", "winograd 4"])
        for (taps, stride, others) in [(5, 1, ["winograd 2", "winograd 4"]), (3, 2, ["winograd 3"])] {
            let opCase = try #require(
                OpCases.winograd(taps: taps, stride: stride).last { $0.name.contains("backwardWeight") })
            let ways = try (["direct", "product"] + others).map { name in
                try backend.force(name)
                return try opCase.run(on: backend).map(\.values)
            }
            // The orders of the sums differ: each name is another algorithm.
            #expect(Set(ways).count == ways.count, "\(opCase)")
        }
        #expect { try backend.force("fastest") } throws: {
            "\($0)".contains("'fastest'") && "\($0)".contains("product")
        }
    }

    /// Output rows shorter than a vector are worth Winograd's algorithm if there are many voxels; their gradients are
    /// not.
    @Test func theCostModelTakesFewOutputs() {
        let params = Conv3dParams(
            kernel: Triple(5), stride: Triple(1), padding: Triple(2), dilation: Triple(1), groups: 1)
        let (x, y) = (Shape(batch: 1, size: Triple(96), channels: 32), Shape(batch: 1, size: Triple(96), channels: 2))
        #expect(CPUBackend.choose(params, x: x, y: y, forWeight: false) == .winograd(.four5))
        #expect(CPUBackend.choose(params, x: x, y: y, forWeight: true) == .direct)
    }

    /// Stride 2 is computed by phases from 16 channels on, and the transposed convolution from more.
    @Test func theCostModelTakesPhases() {
        let params = Conv3dParams(
            kernel: Triple(3), stride: Triple(2), padding: Triple(1), dilation: Triple(1), groups: 1)
        func shape(_ side: Int, _ channels: Int) -> Shape { Shape(batch: 1, size: Triple(side), channels: channels) }
        for forWeight in [false, true] {
            #expect(
                CPUBackend.choose(params, x: shape(96, 16), y: shape(48, 32), forWeight: forWeight)
                    == .winograd(.phases3))
        }
        #expect(
            CPUBackend.choose(params, x: shape(24, 64), y: shape(48, 32), forWeight: false) == .winograd(.phases3))
        #expect(CPUBackend.choose(params, x: shape(48, 32), y: shape(96, 16), forWeight: false) == .direct)
        #expect(CPUBackend.choose(params, x: shape(2, 256), y: shape(1, 256), forWeight: false) == .direct)
    }

    @Test(arguments: WinogradForm.allCases)
    func winogradDoesNotDependOnThreads(_ form: WinogradForm) throws {
        for opCase in OpCases.winograd(taps: form.taps, stride: form.stride) {
            let results = try (1...3).map {
                try opCase.run(on: CPUBackend(threads: $0, forcing: .winograd(form))).map(\.values)
            }
            #expect(results[1] == results[0] && results[2] == results[0], "\(form): \(opCase)")
        }
    }

    @Test(arguments: OpCases.all)
    func referenceWritesEveryElement(_ opCase: OpCase) throws {
        for output in try opCase.run(on: ReferenceBackend()) {
            let unwritten = output.values.firstIndex { !$0.isFinite }
            #expect(unwritten == nil, "\(output.name) has elements that are not finite or were not written")
        }
    }

    @Test(arguments: OpCases.all)
    func doesNotDependOnThreads(_ opCase: OpCase) throws {
        for factory in threadedBackends {
            let results = try (1...3).map { try opCase.run(on: factory.make($0)).map(\.values) }
            #expect(results[1] == results[0] && results[2] == results[0], "\(factory.name)")
        }
    }
}

/// Tests of the catalogue itself.
@Suite struct OpCasesTests {
    @Test func namesAreUnique() {
        let names = OpCases.all.map(\.name) + OpCases.benchmark(batch: 1).map(\.opCase.name)
        let repeated = Dictionary(grouping: names, by: \.self).filter { $0.value.count > 1 }.keys
        #expect(repeated.isEmpty)
    }

    @Test func benchmarkCountsOperations() throws {
        let rows = OpCases.benchmark(batch: 2)
        func flops(_ name: String, _ what: String) -> Int? {
            rows.first { $0.name == name && $0.what == what }?.opCase.flops
        }
        let cube = 96 * 96 * 96
        #expect(flops("conv_16_16_96_k3", "forward") == 2 * 2 * cube * 16 * 16 * 27)
        #expect(flops("convt_32_16_48_k3_s2", "forward+backward") == 3 * 2 * 2 * cube / 8 * 32 * 16 * 27)
    }

    @Test func errorsAreMeasured() {
        let error = ResultError([3, 4.5], expected: [3, 4])
        #expect(error.relative == 0.1 && error.largest == 0.5)
        #expect(!error.isWithin(.op) && ResultError([0], expected: [0]).isWithin(.exact))
        for values in [[Double.nan, 1], [1, .nan], [.infinity, 1]] {
            let error = ResultError(values, expected: [1, 1])
            #expect(!Tolerance.allCases.contains { error.isWithin($0) })
        }
    }

    @Test(arguments: [-1, 5])
    func writingOutsideAnOutputIsReported(_ element: Int) throws {
        let opCase = OpCase("overrun", op: "fill") { arrays in
            let y = try arrays.output("y", [5], .op)
            return {
                try arrays.backend.fill(y, with: 1)
                let beside = BufferView(buffer: y.buffer, offset: y.offset + element, shape: [1], dtype: y.dtype)
                try arrays.backend.fill(beside, with: 1)
            }
        }
        #expect {
            try opCase.run(on: ReferenceBackend())
        } throws: { error in
            guard case OpCaseError.wroteOutside("overrun", "y", element) = error else { return false }
            return true
        }
    }

    @Test func changingAnInputIsReported() throws {
        let opCase = OpCase("spoiled", op: "scale") { arrays in
            let x = try arrays.input([5])
            return { try arrays.backend.scale(x, by: 2, into: x, times: 0) }
        }
        #expect(throws: OpCaseError.self) { try opCase.run(on: ReferenceBackend()) }
    }
}

/// The largest relative error of each form of Winograd's algorithm in any op case, with a margin of at least a fifth.
///
/// With the points 1 and 2 the errors of the forms of six points are 7e-6 and more.
enum WinogradRounding {
    static let most: [WinogradForm: Double] = [
        .two3: 1e-6, .phases3: 1e-6, .four3: 2.5e-6, .two5: 4.5e-6, .four5: 2e-5,
    ]
}
