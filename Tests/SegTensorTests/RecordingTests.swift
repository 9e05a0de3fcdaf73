import SegBackend
import SegReference
import SegTensor
import Testing

private let backend = ReferenceBackend()

@Test func aRecordingHoldsTheOpsOfAPassInOrder() throws {
    let (numbers, ones): ([Float], [Float]) = ([1, -2, 3, -4], [1, 1, 1, 1])
    let x = try Tensor(numbers, shape: [1, 4], on: backend)
    let (y, ops) = try OpRecording.record {
        try activate(add(x, Tensor(ones, shape: [4], on: backend)), .relu, slope: nil, consumesInput: true)
    }
    #expect(try y.floats() == [2, 0, 4, 0])
    #expect(ops.map(\.name) == ["constant", "add", "activate"])
    guard case .constant(ones)? = ops[0].op, case .add? = ops[1].op, case .activate(.relu)? = ops[2].op else {
        Issue.record("the ops are \(ops.map(\.op))")
        return
    }
    #expect(
        ops[1].operands.map { $0?.shape } == [[1, 4], [4]] && ops[1].operands[1]?.identity == ops[0].result.identity)
    // The result of an op that consumes its input has the input's memory.
    #expect(ops[2].operands[0]?.identity == ops[1].result.identity && ops[2].result.identity == ops[1].result.identity)
}

@Test func operandsThatAreAbsentKeepTheirPlaces() throws {
    let x = try Tensor(repeating: 1, shape: [1, 2, 2, 2, 3], on: backend)
    var followers = NormFollowers()
    followers.residualAfter = x
    let params = NormParams(kind: .layer, epsilon: 1e-5)
    let (_, ops) = try OpRecording.record {
        try normActivate(x, weight: nil, bias: nil, statistics: .ofInput, params, followers)
    }
    #expect(ops.count == 1 && ops[0].operands.map { $0 != nil } == [true, false, false, false, false, true])
}

@Test func opsWithoutADescriptionAreRecordedByName() throws {
    let x = try Tensor(repeating: 1, shape: [1, 4], on: backend)
    let (_, ops) = try OpRecording.record { try softmax(x) }
    #expect(ops.map(\.name) == ["softmax"] && isUndescribed(ops[0]))
    var followers = NormFollowers()
    followers.dropout = DropoutParams(probability: 0.5, seed: 0, layer: 0, pass: 0, channelwise: false)
    let params = NormParams(kind: .layer, epsilon: 1e-5)
    let (_, dropping) = try OpRecording.record {
        try normActivate(x, weight: nil, bias: nil, statistics: .ofInput, params, followers)
    }
    #expect(dropping.map(\.name) == ["normActivate"] && isUndescribed(dropping[0]))
}

@Test func positionsOfOtherRegionsAreMasked() throws {
    let mask = try regionMask([[0, 0, 1], [2, 1, 2]], on: backend)
    #expect(mask.shape == [2, 3, 3])
    let expected: [Float] = [0, 0, -100, 0, 0, -100, -100, -100, 0, 0, -100, 0, -100, 0, -100, 0, -100, 0]
    #expect(try mask.floats() == expected)
    #expect(throws: TensorError.self) { try regionMask([[0], [0, 1]], on: backend) }
    #expect(throws: TensorError.self) { try regionMask([], on: backend) }
}

private func isUndescribed(_ entry: OpRecording.Entry) -> Bool { if case nil = entry.op { true } else { false } }
