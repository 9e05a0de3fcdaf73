import ArgumentParser
import SegData

/// Options for pairing images and label maps of a folder without an index.
struct PatternOptions: ParsableArguments {
    @Option(help: "The pattern of image files if there is no index, such as 'images/*.nii.gz'; * is the case's name.")
    var images: String?

    @Option(help: "The pattern of the label maps, such as '*/spleen.nii.gz'.")
    var labels: String?

    @Option(
        name: .customLong("class"),
        help: "The number and name of a class, such as 1=spleen, with --images and --labels; repeatable.")
    var classes: [String] = []

    func patterns() throws -> Dataset.Patterns? {
        switch (images, labels) {
        case (nil, nil):
            guard classes.isEmpty else { throw UsageError("--class applies only with --images and --labels") }
            return nil
        case (let images?, let labels?):
            return Dataset.Patterns(images: images, labels: labels, classes: try names())
        default: throw UsageError("--images and --labels go together; give both")
        }
    }

    private func names() throws -> [Int: String] {
        try classes.reduce(into: [:]) { names, text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let number = Int(parts[0]), (0...255).contains(number) else {
                throw UsageError("--class should be a number and a name, such as 1=spleen, not '\(text)'")
            }
            names[number] = parts[1]
        }
    }
}
