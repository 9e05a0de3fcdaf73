import ArgumentParser
import SegData

/// Options for pairing images and label maps of a folder without an index.
struct PatternOptions: ParsableArguments {
    @Option(help: "How images are named where there is no index, as 'images/*.nii.gz'; the star is the case's name.")
    var images: String?

    @Option(help: "How their label maps are named, as '*/spleen.nii.gz'.")
    var labels: String?

    @Option(name: .customLong("class"), help: "A class's name, as 1=spleen, with --images and --labels; repeatable.")
    var classes: [String] = []

    func patterns() throws -> Dataset.Patterns? {
        switch (images, labels) {
        case (nil, nil):
            guard classes.isEmpty else { throw UsageError("--class goes with --images and --labels") }
            return nil
        case (let images?, let labels?):
            return Dataset.Patterns(images: images, labels: labels, classes: try names())
        default: throw UsageError("--images and --labels go together")
        }
    }

    private func names() throws -> [Int: String] {
        try classes.reduce(into: [:]) { names, text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let number = Int(parts[0]), (0...255).contains(number) else {
                throw UsageError("--class should be a number and a name, as 1=spleen, not '\(text)'")
            }
            names[number] = parts[1]
        }
    }
}
