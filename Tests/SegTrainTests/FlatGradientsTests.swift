import SegBackend
import SegCPU
import SegComm
import SegTensor
import SegTestRanks
import SegTrain
import Testing

struct FlatGradientsTests {
    /// The first parameter has a gradient on rank 0 only, the second on both, the third on none.
    @Test func aGradientOfOneRankAloneIsTheSum() throws {
        let found = try ThreadRanks.run(2) { ranks in
            let backend = try CPUBackend(threads: 1)
            let first = ranks.rank == 0 ? try Tensor([-0.0, 1.5], shape: [2], on: backend) : nil
            let second = try Tensor([1.0, Double(ranks.rank), 3], shape: [3], on: backend)
            let flat = try FlatGradients([first, second, nil], shapes: [[2], [3], [4]], on: backend)
            try ranks.sum(flat)
            return try flat.gradients().map { try $0?.doubles() }
        }
        for gradients in found {
            #expect(gradients == [[-0.0, 1.5], [2, 1, 6], nil])
            // The gradients that a single rank would have.
            #expect(gradients[0]?[0].sign == .minus)
        }
    }
}
