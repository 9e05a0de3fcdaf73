/// In what numbers a device multiplies; sums are f32 always, and so is everything that is no product.
public enum Precision: String, Sendable, CaseIterable {
    /// 24 bits of mantissa: what every device does unless another is asked for.
    case fp32
    /// 11 bits of mantissa, TensorFloat-32, `torch.backends.cudnn.allow_tf32`.
    case tf32
    /// 8 bits of mantissa, bfloat16.
    case bf16
    /// 11 bits of mantissa for the weights of convolutions, stored as half; all else in f32.
    case fp16
}
