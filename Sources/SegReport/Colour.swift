internal import SegImaging

/// An sRGB colour with components from 0 to 1.
public struct Colour: Hashable, Sendable {
    /// The red component.
    public var red: Double
    /// The green component.
    public var green: Double
    /// The blue component.
    public var blue: Double

    /// Creates a colour from `0xRRGGBB`.
    public init(_ hex: UInt32) {
        red = Double(hex >> 16 & 255) / 255
        green = Double(hex >> 8 & 255) / 255
        blue = Double(hex & 255) / 255
    }

    /// The colours of labels by number.
    public static let palette = LabelColours.running.map(Colour.init)

    static let ground = Colour(0x11151C)
    static let card = Colour(0x000000)
    static let grid = Colour(0x2A3240)
    static let text = Colour(0xE8ECF2)
    static let quietText = Colour(0x98A2B3)
    /// The background of plots, white because plots are printed.
    static let paper = Colour(0xFFFFFF)
    static let ink = Colour(0x14181F)
    static let quietInk = Colour(0x4F5968)
    static let paperGrid = Colour(0xDDE2E9)

    /// A middle grey, as of tissue in a scan.
    static let tissue = Colour(0x808080)

    static let reference = Colour(0xFFD23F)
}
