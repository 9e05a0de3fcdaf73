internal import SegBackend
internal import SegWeights

// The layers of MONAI's vision transformer on tokens `[N, T, C]`; ours are in VisionTransformer.swift.
extension ONNXGraph {
    /// An array in another shape; 0 keeps an extent.
    mutating func reshape(_ x: ONNXValue, _ shape: [Int]) -> ONNXValue { node("Reshape", [x, integers(shape)]) }

    /// Axes in another order.
    mutating func transpose(_ x: ONNXValue, _ order: [Int]) -> ONNXValue {
        node("Transpose", [x], [.ints("perm", order)])
    }

    /// `Linear`, whose weight stays `[out, in]` in the file.
    mutating func linear(_ x: ONNXValue, _ scope: String) throws -> ONNXValue {
        let weight = transpose(try parameter(scope + ".weight"), [1, 0])
        let product = node("MatMul", [x, weight])
        return state[scope + ".bias"] == nil ? product : node("Add", [product, try parameter(scope + ".bias")])
    }

    mutating func layerNorm(_ x: ONNXValue, _ scope: String) throws -> ONNXValue {
        let inputs = [x, try parameter(scope + ".weight"), try parameter(scope + ".bias")]
        return node("LayerNormalization", inputs, [.int("axis", -1), .float("epsilon", 1e-5)])
    }

    /// A transformer block: attention and perceptron, each on the normalised tokens and added to them.
    mutating func transformerBlock(
        _ x: ONNXValue, _ scope: String, tokens: Int, _ options: TransformerOptions
    ) throws -> ONNXValue {
        let normed = try layerNorm(x, scope + ".norm1")
        let mixed = node("Add", [x, try attention(normed, scope + ".attn", tokens: tokens, options)])
        let hidden = try linear(layerNorm(mixed, scope + ".norm2"), scope + ".mlp.linear1")
        return node("Add", [mixed, try linear(node("Gelu", [hidden]), scope + ".mlp.linear2")])
    }

    private mutating func attention(
        _ x: ONNXValue, _ scope: String, tokens: Int, _ options: TransformerOptions
    ) throws -> ONNXValue {
        let width = options.hidden / options.heads
        let qkv = reshape(try linear(x, scope + ".qkv"), [0, tokens, 3, options.heads, width])
        let split = transpose(qkv, [2, 0, 3, 1, 4])
        func part(_ index: Int, of graph: inout ONNXGraph) -> ONNXValue {
            let number = graph.array("index_\(index)", StoredTensor([Int64(index)], shape: []))
            return graph.node("Gather", [split, number], [.int("axis", 0)])
        }
        let (query, key, value) = (part(0, of: &self), part(1, of: &self), part(2, of: &self))
        let scores = node("MatMul", [query, transpose(key, [0, 1, 3, 2])])
        let scaled = node("Mul", [scores, number(1 / Float(width).squareRoot())])
        let mixed = node("MatMul", [node("Softmax", [scaled], [.int("axis", -1)]), value])
        return try linear(
            reshape(transpose(mixed, [0, 2, 1, 3]), [0, tokens, options.hidden]), scope + ".out_proj")
    }
}
