import SegBackend
import SegNN
import SegReference
import SegTensor
import Testing

private let backend = ReferenceBackend()

/// Multiples of 1/8 from −1.5 to 1.5.
private func logits(_ count: Int) -> [Double] { (0..<count).map { Double(7 * $0 % 25 - 12) / 8 } }

@Test(arguments: [1, 3], GeneralizedDiceLoss.Weighting.allCases)
func theGeneralizedDiceLossLeavesOutIgnoredVoxels(_ channels: Int, _ weighting: GeneralizedDiceLoss.Weighting) throws {
    var loss = GeneralizedDiceLoss()
    (loss.probabilities, loss.weighting) = (channels == 1 ? .sigmoid : .softmax, weighting)
    func value(_ logits: [Double], _ labels: [Int32]) throws -> (loss: Double, gradient: [Double]) {
        let x = try Tensor(logits, shape: [1, labels.count, 1, 1, channels], on: backend).tracked()
        let value = try loss(x, labels: Tensor(labels: labels, shape: [1, labels.count, 1, 1], on: backend))
        return (try value.item(), try #require(try value.gradients(upstream: nil)[x]).doubles())
    }
    let labels: [Int32] = channels == 1 ? [0, 1, -1, 1, -4, 0] : [0, 2, -1, 1, -4, 2]
    let taking = labels.indices.filter { labels[$0] >= 0 }
    let all = logits(labels.count * channels)
    let whole = try value(all, labels)
    let part = try value(taking.flatMap { all[$0 * channels..<($0 + 1) * channels] }, taking.map { labels[$0] })
    #expect(abs(whole.loss - part.loss) < 1e-14 && whole.loss > 0.1)
    for row in labels.indices {
        for c in 0..<channels {
            let expected = taking.firstIndex(of: row).map { part.gradient[$0 * channels + c] } ?? 0
            #expect(abs(whole.gradient[row * channels + c] - expected) < 1e-14, "voxel \(row)")
        }
    }
    let nothing = try value(all, [Int32](repeating: -1, count: labels.count))
    #expect(nothing.loss == 0 && nothing.gradient.allSatisfy { $0 == 0 })
}

@Test func everyOutputOfASupervisedNetworkLeavesOutIgnoredVoxels() throws {
    let labels = try Tensor(labels: [0, 5, -1, 2, 7, -9], shape: [1, 6, 1, 1], on: backend)
    var params = DiceCEParams()
    (params.targets, params.probabilities, params.lambdaCE) = (.regions, .sigmoid, 1)
    var loss = SegmentationLoss(params)
    loss.hasIgnoredVoxels = true
    let outputs = try [0, 5].map { offset in
        try Tensor(logits(18 + offset).suffix(18), shape: [1, 6, 1, 1, 3], on: backend).tracked()
    }
    let value = try loss(supervised: outputs, labels: labels)
    let each = try outputs.map { try loss($0, labels: labels).item() }
    #expect(try abs(value.item() - (2 * each[0] + each[1]) / 3) < 1e-7)
    let gradients = try value.gradients(upstream: nil)
    for output in outputs {
        let gradient = try #require(gradients[output]).doubles()
        #expect(gradient[6..<9].allSatisfy { $0 == 0 } && gradient[15...].allSatisfy { $0 == 0 })
        #expect(gradient[..<6].allSatisfy { $0 != 0 })
    }
}

@Test func lossesThatTakeClassesAloneSaySo() throws {
    var params = DiceCEParams()
    params.probabilities = .sigmoid
    var loss = SegmentationLoss(params, focal: FocalParams())
    loss.hasIgnoredVoxels = true
    #expect { try loss.validate() } throws: {
        "\($0)"
            == "focal loss: labels have ignored voxels, which only dice, dice_ce, tversky and generalized_dice support"
    }
    loss.hasIgnoredVoxels = false
    loss.overlap.targets = .regions
    let refusal = "labels are overlapping regions, which only dice, dice_ce and tversky support"
    #expect { try loss.validate() } throws: { "\($0)" == "focal loss: \(refusal)" }
    (loss.focal, loss.generalizedDice) = (nil, GeneralizedDiceLoss())
    let x = try Tensor(repeating: 0, shape: [1, 2, 1, 1, 2], on: backend)
    #expect {
        try loss(x, labels: Tensor(labels: [1, 3], shape: [1, 2, 1, 1], on: backend))
    } throws: {
        "\($0)" == "generalized_dice: \(refusal)"
    }
    loss.generalizedDice = nil
    try loss.validate()
}
