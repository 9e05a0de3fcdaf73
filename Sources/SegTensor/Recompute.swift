/// Runs a block without keeping what its gradient needs, and runs it again when that is wanted.
///
/// `torch.utils.checkpoint.checkpoint`: only the inputs are held between the two runs. The gradients are the same bits
/// as without, for the second run makes the same graph between the same inputs. Chen et al. 2016, "Training deep nets
/// with sublinear memory cost".
/// - Parameters:
///   - inputs: Everything with a history that the block reads, parameters excepted.
///   - block: Computes from the inputs it is given; called once with `isRecording` false for the value and once with
///     true, from inputs with their history, for the gradients. Both runs must compute the same.
/// - Throws: What the block throws.
public func recomputed(
    _ inputs: [Tensor], _ block: @escaping (_ inputs: consuming [Tensor], _ isRecording: Bool) throws -> Tensor
) throws -> Tensor {
    let value = try block(inputs.map(\.detached), false)
    let ends = inputs.compactMap(\.node)
    // Handed over to the second run, whose graph holds what it needs of them.
    var kept = inputs
    let node = GradientNode(op: GradientNode.recomputed, parents: ends) { upstream, sink in
        let inputs = kept
        kept = []
        let again = try block(consume inputs, true)
        guard let root = again.node else { return }
        try sink.pass(consume upstream, to: again)
        try sink.walk(from: root, stoppingAt: ends)
    }
    return Tensor(value.view, on: value.backend, node: node)
}
