/// Runs a block without keeping the values that its gradient needs, and runs it again in the backward pass.
///
/// `torch.utils.checkpoint.checkpoint`: only the inputs are kept between the two runs. The gradients have the same bits
/// as without recomputation, because the second run builds the same graph between the same inputs. Chen et al. 2016,
/// "Training deep nets with sublinear memory cost".
/// - Parameters:
///   - inputs: All tensors with a history that the block reads, except parameters.
///   - block: Computes the result from its inputs. It is called once with `isRecording` false, for the value, and once
///     with true and inputs with their history, for the gradients. Both runs must compute the same.
/// - Throws: The errors of the block.
public func recomputed(
    _ inputs: [Tensor], _ block: @escaping (_ inputs: consuming [Tensor], _ isRecording: Bool) throws -> Tensor
) throws -> Tensor {
    let value = try block(inputs.map(\.detached), false)
    let ends = inputs.compactMap(\.node)
    // The inputs are handed over to the second run, whose graph keeps the ones it needs.
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
