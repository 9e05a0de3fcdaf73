/// The precision in which a device multiplies; sums are always f32, and so are all ops other than products.
public enum Precision: String, Sendable, CaseIterable {
    /// 24 bits of mantissa: the default of every device.
    case fp32
    /// 11 bits of mantissa, TensorFloat-32, `torch.backends.cudnn.allow_tf32`.
    case tf32
    /// 8 bits of mantissa, bfloat16.
    case bf16
    /// 11 bits of mantissa for the weights of convolutions, stored as half; everything else is f32.
    case fp16
}
