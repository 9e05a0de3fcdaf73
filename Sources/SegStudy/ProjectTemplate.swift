/// The files of a project for DVC: the stages from data to uncertainty, their parameters, and a training configuration.
public enum ProjectTemplate {
    /// The names of the files and their text, in the order in which they are written.
    public static let files = [
        ("dvc.yaml", stages), ("params.yaml", parameters), ("train.yaml", training), (".gitignore", ignored),
    ]

    /// Every stage lists its inputs, parameters and outputs, so that DVC repeats only what has changed.
    private static let stages = """
        # From data to metrics: `dvc repro` runs what has changed, `dvc metrics show` and `dvc plots show` show the results.
        stages:
          prepare:
            # For Task09 of the Decathlon: medseg data import Task09_Spleen.tar --out data
            cmd: rm -rf data && medseg data phantom --out data --count ${phantoms.count} --seed ${phantoms.seed} --quiet
            params: [phantoms]
            outs: [data]

          split:
            cmd: >-
              medseg data split data --out split.json --force
              --validation ${split.validation} --test ${split.test} --seed ${split.seed}
            deps: [data]
            params: [split]
            outs:
              - split.json: {cache: false}

          preprocess:
            cmd: rm -rf prepared && medseg data prepare train.yaml --quiet
            deps: [data]
            params:
              - train.yaml: [network_def, preprocessing, cache]
            outs: [prepared]

          train:
            cmd: rm -rf run && medseg train train.yaml --out run --quiet
            deps: [data, split.json, prepared]
            params:
              - train.yaml:
            outs: [run/model, run/last]
            plots:
              - run/training.csv: {cache: false, x: step, y: loss, title: Training loss}
              - run/validation.csv: {cache: false, x: step, y: dice, title: Validation Dice}

          evaluate:
            cmd: >-
              medseg evaluate --model run/model --data data --split split.json --part test
              --out metrics/evaluation.json --csv metrics/cases.csv --force --quiet
            deps: [data, split.json, run/model]
            metrics:
              - metrics/evaluation.json: {cache: false}
            plots:
              - metrics/cases.csv: {cache: false, x: case, y: dice, title: Dice by case}

          uncertainty:
            cmd: >-
              medseg evaluate --model run/model --data data --split split.json --part test
              --uncertainty ${uncertainty.passes} --out metrics/uncertainty.json --force --quiet
            deps: [data, split.json, run/model]
            params: [uncertainty]
            metrics:
              - metrics/uncertainty.json: {cache: false}

        """

    private static let parameters = """
        # The parameters of the stages of dvc.yaml, except those of the training, which are in train.yaml.
        phantoms: {count: 12, seed: 0}
        split: {validation: 0.2, test: 0.25, seed: 0}
        uncertainty: {passes: 10}

        """

    private static let training = """
        # A small UNet that finds the phantoms' spleen in minutes on two CPU cores. See `medseg train --help`.
        data: data
        validation: split.json
        cache: prepared
        seed: 0

        network_def:
          _target_: monai.networks.nets.UNet
          spatial_dims: 3
          in_channels: 1
          out_channels: 2
          channels: [8, 16, 32, 64]
          strides: [2, 2, 2]
          num_res_units: 2
          norm: batch
          dropout: 0.1

        preprocessing:
          orientation: RAS
          pixdim: [3, 3, 3]
          intensity: {a_min: -57, a_max: 164, b_min: 0, b_max: 1, clip: true}
          crop_foreground: true

        roi_size: [64, 64, 64]
        overlap: 0.5
        mode: gaussian
        sampling: {pos: 1, neg: 1, samples_per_volume: 2, volumes_per_batch: 1, pad: true}
        augmentation:
          flip: {prob: 0.2, axes: [2]}
          shift_intensity: {offsets: 0.1, prob: 0.3}
        loss: {name: dice_ce}
        optimizer: {name: adam, learning_rate: 0.002}
        schedule: {name: polynomial, power: 0.9}
        iterations: 300
        validate_every: 100

        """

    private static let ignored = """
        /data
        /prepared
        /run/*
        # DVC plots these, and compares them between commits.
        !/run/*.csv

        """
}
