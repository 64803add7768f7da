"""One layer alone gives what it gave in its network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cases, cnns, coded_networks, numerics

from pimsim.errors import PimsimError
from pimsim.simulation import in_front, record_layer
from pimsim.simulation.execute import record


@given(st.data())
def test_a_layer_on_its_recorded_inputs_does_what_it_did_in_its_network(data):
    case = data.draw(cases(of=data.draw(st.sampled_from([coded_networks(), cnns()]))))
    widths = data.draw(numerics(case.network, every_layer=True))
    whole = record(case.network, case.inputs, case.labels, widths)
    for index, layer in enumerate(case.network.layers):
        read = in_front(whole.trace, index + (index > 0 and case.network.is_hybrid))  # input spikes count as a record
        alone = record_layer(case.network, index, read, widths)
        assert alone.potentials.tolist() == whole.potentials[index].tolist()
        assert alone.membranes.tolist() == whole.membranes[index].tolist()
        if layer is case.network.layers[-1]:
            assert alone.membranes[:, -1, : case.network.classes].tolist() == whole.membranes[index][:, -1].tolist()
        elif case.network.is_cnn:
            assert alone.activations.tolist() == whole.trace.activations[index].tolist()
        else:
            assert alone.spikes.tolist() == whole.trace.spikes[index].tolist()


@given(cases())
def test_currents_are_those_that_make_the_potentials(case):
    # v[t] = m[t-1] + a[t]; in front of the first layer a is the same in every step.
    alone = record_layer(case.network, 0, case.inputs)
    assert (alone.currents == alone.currents[:, :1]).all()
    assert (alone.currents[:, 0] == alone.potentials[:, 0]).all()


@given(cases())
def test_inputs_of_another_shape_are_refused(case):
    wrong = [case.inputs[:, :, :0], case.inputs[:0], case.inputs.astype(np.int64), np.zeros((2, 3), np.uint8)]
    for index in (0, 1):
        for inputs in wrong:
            with pytest.raises(PimsimError, match=f'inputs of layer "{case.network.layers[index].name}"'):
                record_layer(case.network, index, inputs)
