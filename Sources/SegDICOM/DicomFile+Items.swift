internal import CDicom
internal import Foundation
internal import SegCore

extension DicomFile {
    /// An item of a sequence; it keeps its file open.
    struct Item {
        fileprivate let file: DicomFile
        /// Nil for the data set.
        fileprivate let handle: OpaquePointer?

        /// The items of a sequence.
        func items(_ sequence: UInt32) -> [Item] {
            let count = file.functions.items(file.handle, handle, sequence, nil, 0)
            guard count > 0 else { return [] }
            var handles = [OpaquePointer?](repeating: nil, count: count)
            _ = file.functions.items(file.handle, handle, sequence, &handles, count)
            return handles.map { Item(file: file, handle: $0) }
        }

        /// The items at the end of a path of sequences.
        func items(_ first: UInt32, _ others: UInt32...) -> [Item] {
            others.reduce(items(first)) { items, sequence in items.flatMap { $0.items(sequence) } }
        }

        /// A text value; nil if it is missing or empty.
        func text(_ tag: UInt32) -> String? {
            let text = value(tag).trimmingCharacters(in: .whitespaces).forPeople
            return text.isEmpty ? nil : text
        }

        /// An integer.
        func number(_ tag: UInt32) -> Int? { text(tag).flatMap { Int($0) } }

        /// Decimal numbers; nil if the attribute is missing, or one of its values is empty or not a number.
        func numbers(_ tag: UInt32) -> [Double]? {
            let parts = value(tag).split(separator: "\\", omittingEmptySubsequences: false)
            let numbers = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
            return numbers.count == parts.count && numbers.allSatisfy(\.isFinite) ? numbers : nil
        }

        /// The complete value, which may be long for a contour.
        private func value(_ tag: UInt32) -> String {
            let length = file.functions.item_text(file.handle, handle, tag, nil, 0)
            guard length > 0 else { return "" }
            var buffer = [CChar](repeating: 0, count: length + 1)
            _ = file.functions.item_text(file.handle, handle, tag, &buffer, buffer.count)
            return DicomFile.text(buffer)
        }
    }

    /// The data set as an item, which contains the sequences.
    var dataset: Item { Item(file: self, handle: nil) }
}
