"""Captures twenty steps of PyTorch: for a whole network and with a frozen part, both with a moving average of the weights.

Writes training_steps.json: the loss of each step, and for each array at the end and its average the sum, the sum of squares and
the first value. Weights and patches follow formulas that Tests/SegTrainTests/PyTorchStepsTests.swift repeats.

    python3 training_steps.py
"""

import json
import math
import pathlib

import torch
from monai.networks.nets import UNet
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STEPS, DECAY, EDGE = 20, 0.9, 8


def patch(number):
    images = torch.tensor([(index * 31 + number * 17) % 100 / 100 for index in range(EDGE**3)])
    return images.reshape(1, 1, EDGE, EDGE, EDGE), (images > 0.5).long().reshape(1, EDGE, EDGE, EDGE)


def network():
    net = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=[4, 8], strides=[2], num_res_units=1, norm="batch")
    with torch.no_grad():
        for place, (_, values) in enumerate(sorted(net.named_parameters())):
            count = values.numel()
            values.copy_(torch.tensor([0.3 * math.sin(0.37 * i + place) for i in range(count)]).reshape(values.shape))
    return net.train()


def digest(values):
    values = values.double().flatten()
    return [values.sum().item(), (values**2).sum().item(), values[0].item()]


def run(frozen):
    net = network()
    for name, values in net.named_parameters():
        values.requires_grad_(not (frozen and name.startswith(frozen + ".")))
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
    losses = []
    for step in range(STEPS):
        image, label = patch(step)
        target = torch.nn.functional.one_hot(label, 2).movedim(-1, 1).float()
        loss = ((torch.softmax(net(image), 1) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(net)
        losses.append(loss.item())
    arrays = {name: digest(values) for name, values in net.state_dict().items() if values.is_floating_point()}
    averages = {name: digest(values) for name, values in average.module.state_dict().items() if values.is_floating_point()}
    return {"losses": losses, "arrays": arrays, "averages": averages}


if __name__ == "__main__":
    torch.manual_seed(0)
    document = {"all": run(None), "frozen": run("model.0")}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(document, indent=1) + "\n")
