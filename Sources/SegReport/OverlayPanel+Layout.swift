internal import SegCore
import SegImaging

extension OverlayPanel {
    /// The positions of all parts of the figure, in pixels.
    struct Layout {
        static let margin = 30.0
        static let gap = 18.0
        static let header = 84.0
        static let caption = 30.0
        static let legendRow = 28.0
        /// The number of columns of the legend if there are several classes.
        static let legendColumns = 6
        /// The maximum height of a plane; taller planes are scaled down.
        static let tallest = 860.0

        var planes: [SlicePlane]
        /// A black card for each plane, all of the same height.
        var cards: [Rectangle]
        /// The rectangle of the slice in each card, all at the same scale.
        var pictures: [Rectangle]
        var pixelsPerMM: Double
        /// The baseline of the legend's first row.
        var legendTop: Double
        var height: Double
    }

    func layout() -> Layout {
        let planes = SlicePlane.Kind.allCases.map { kind in
            let through = SlicePlane(kind, convention: convention, index: 0).through
            return SlicePlane(kind, convention: convention, index: centre[through])
        }
        let spacing = image.affine.spacing
        let millimetres = (0..<3).map { Double(image.size[$0]) * spacing[$0] }
        let wide = planes.map { millimetres[$0.across] }
        let high = planes.map { millimetres[$0.up] }
        let room = width - 2 * Layout.margin - 2 * Layout.gap
        let tallest = high.reduce(1e-6, max)
        let scale = min(room / wide.reduce(0, +), Layout.tallest / tallest)
        // If the height limits the scale, the remaining width is divided among the cards.
        let spare = (room - wide.reduce(0, +) * scale) / 3
        let cardHeight = tallest * scale
        let top = Layout.header + Layout.caption
        var cards: [Rectangle] = []
        var pictures: [Rectangle] = []
        var x = Layout.margin
        for plane in planes.indices {
            let card = Rectangle(x: x, y: top, width: wide[plane] * scale + spare, height: cardHeight)
            let picture = (width: wide[plane] * scale, height: high[plane] * scale)
            cards.append(card)
            pictures.append(
                Rectangle(
                    x: card.middle.x - picture.width / 2, y: card.middle.y - picture.height / 2, width: picture.width,
                    height: picture.height))
            x = card.maxX + Layout.gap
        }
        let legendTop = top + cardHeight + 40
        let rows = max(1, (labels.count + Layout.legendColumns - 1) / Layout.legendColumns)
        return Layout(
            planes: planes, cards: cards, pictures: pictures, pixelsPerMM: scale, legendTop: legendTop,
            height: (legendTop + Double(rows - 1) * Layout.legendRow + 24).rounded(.up))
    }
}
