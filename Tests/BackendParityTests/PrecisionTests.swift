import SegBackend
import SegCPU
import SegDevices
import SegOpCases
import SegReference
import Testing

private let products = OpCases.all.filter { $0.op.hasPrefix("conv") || $0.op == "matmul" }

/// bf16 on the CPU: factors of 8 bits, sums in f32.
struct PrecisionTests {
    @Test(arguments: products)
    func productsAgreeToEightBits(_ opCase: OpCase) throws {
        let tolerance = try #require(Tolerance.product(of: opCase, in: .bf16))
        let backend = try CPUBackend(threads: 2, precision: .bf16)
        let parity = try Parity(opCase, on: backend, against: ReferenceBackend(), tolerance: tolerance)
        #expect(!parity.rows.isEmpty && parity.passes, "\(parity)")
        // One thread gives the same bits.
        let results = try [1, 2].map {
            try opCase.run(on: CPUBackend(threads: $0, precision: .bf16)).map(\.values)
        }
        #expect(results[0] == results[1])
    }

    /// Not computed in f32 after all: the worst case is as far off as 8 bits are.
    @Test func factorsAreRounded() throws {
        let backend = try CPUBackend(threads: 2, precision: .bf16)
        for op in Set(products.map(\.op)) {
            var worst = 0.0
            for opCase in products where opCase.op == op {
                let parity = try Parity(opCase, on: backend, against: ReferenceBackend(), tolerance: nil)
                worst = max(worst, parity.rows.map(\.error.relative).max() ?? 0)
            }
            #expect(worst > Tolerance.bf16Product.limit / 20, "\(op): \(worst)")
        }
    }

    /// To the nearest, halves to even; infinity and what is no number stay.
    @Test func roundingIsToTheNearest() throws {
        let backend = try CPUBackend(threads: 1, precision: .bf16)
        let one: Float = 1
        let values: [Float] = [
            one + 0x1p-8, one + 3 * 0x1p-8, one + 0x1.8p-8, -one - 0x1p-9, 0, 0x1p-130, .infinity, .nan,
            Float(bitPattern: 0x7f80_0001),
        ]
        let expected: [Float] = [one, one + 0x1p-6, one + 0x1p-7, -one, 0, 0x1p-130, .infinity, .nan, .nan]
        let a = try backend.allocate([1, values.count, 1], .f32)
        let b = try backend.allocate([1, 1, 1], .f32)
        let c = try backend.allocate([1, values.count, 1], .f32)
        try values.withUnsafeBytes { try backend.upload($0, to: a) }
        try [one].withUnsafeBytes { try backend.upload($0, to: b) }
        try backend.matmul(
            a, b, bias: nil, MatmulParams(transposeA: false, transposeB: false, alpha: 1, beta: 0), into: c)
        var found = [Float](repeating: 0, count: values.count)
        try found.withUnsafeMutableBytes { try backend.download(c, into: $0) }
        for (value, wanted) in zip(found, expected) {
            #expect(value == wanted || (value.isNaN && wanted.isNaN))
        }
    }

    @Test func theCPUHasBF16AndNoOther() throws {
        let backend = try Devices.makeBackend("cpu", threads: 1, profiling: false, precision: .bf16)
        #expect(backend.details.contains("bf16"))
        for precision in [Precision.tf32, .fp16] {
            #expect(throws: BackendError.self) {
                try Devices.makeBackend("cpu", threads: 1, profiling: false, precision: precision)
            }
        }
        #expect(throws: BackendError.self) {
            try Devices.makeBackend("reference", threads: 1, profiling: false, precision: .bf16)
        }
    }
}
