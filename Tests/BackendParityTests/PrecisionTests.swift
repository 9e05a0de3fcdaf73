import SegBackend
import SegCPU
import SegDevices
import SegOpCases
import SegReference
import Testing

private let products = OpCases.all.filter { $0.op.hasPrefix("conv") || ["matmul", "attention"].contains($0.op) }

/// bf16 on the CPU: factors of 8 bits, sums in f32.
struct PrecisionTests {
    /// The reference rounds the factors as well, therefore f32's own tolerances apply.
    @Test(arguments: products)
    func productsOfRoundedFactorsAgree(_ opCase: OpCase) throws {
        let backend = try CPUBackend(threads: 2, precision: .bf16)
        let parity = try Parity(opCase, on: backend, against: ReferenceBackend(roundsToBF16: true))
        #expect(!parity.rows.isEmpty && parity.passes, "\(parity)")
        // One thread gives the same bits.
        let results = try [1, 2].map {
            try opCase.run(on: CPUBackend(threads: $0, precision: .bf16)).map(\.values)
        }
        #expect(results[0] == results[1])
    }

    /// The results are neither less exact than 8 bits allow, in the mean of an op's cases, nor computed in f32 after
    /// all.
    @Test func errorsAreThoseOfEightBits() throws {
        let backend = try CPUBackend(threads: 2, precision: .bf16)
        for op in Set(products.map(\.op)) {
            var errors: [Double] = []
            for opCase in products where opCase.op == op {
                errors += try Parity(opCase, on: backend, against: ReferenceBackend()).rows.map(\.error.relative)
            }
            // A gradient of zero has no relative error.
            errors = errors.filter(\.isFinite)
            let mean = errors.reduce(0, +) / Double(errors.count)
            // Attention's gradients are differences, which magnify errors.
            #expect(mean > 4e-4 && mean < (op == "attention" ? 1e-2 : 4e-3), "\(op): \(mean)")
        }
    }

    /// Rounds to nearest, halves to even; infinities and NaN stay.
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
    }
}
