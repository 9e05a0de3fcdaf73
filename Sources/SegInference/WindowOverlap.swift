public import SegCore

/// The share of a window that overlaps the next one along each axis, 0 ..< 1.
public struct WindowOverlap: Hashable, Sendable {
    /// The shares along depth, height and width.
    public let axes: [Double]

    /// The same share along all axes.
    public init(_ share: Double) { axes = [share, share, share] }

    /// A share for each of the three axes.
    public init(_ depth: Double, _ height: Double, _ width: Double) { axes = [depth, height, width] }

    /// Whether each share is at least 0 and below 1.
    var isValid: Bool { axes.allSatisfy { $0 >= 0 && $0 < 1 } }

    /// One number, or three if they differ, as in `model.json` and MONAI.
    public var value: ConfigValue {
        Set(axes).count == 1 ? .double(axes[0]) : .array(axes.map { .double($0) })
    }
}

extension WindowOverlap: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// The same share along all axes.
    public init(floatLiteral share: Double) { self.init(share) }
    /// The same share along all axes.
    public init(integerLiteral share: Int) { self.init(Double(share)) }
}

extension WindowOverlap: CustomStringConvertible {
    /// `0.5`, or `[0.5, 0.5, 0.0]`.
    public var description: String { value.description }
}
