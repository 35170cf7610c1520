"""Evidence of a scenario as Allure attachments, so that Allure's report shows what ours does."""

from __future__ import annotations

from pathlib import Path

import allure

from harness.evidence import ScenarioRecord, Step, StepStatus


def attach_evidence(directory: Path, record: ScenarioRecord) -> None:
    """Attach clips, trace and explanation to the running Allure test; nothing happens without Allure."""
    allure.dynamic.feature(record.feature)
    allure.dynamic.story(record.name)
    for tag in record.tags:
        allure.dynamic.tag(tag)
    if record.reason:
        text = f"{record.verdict} ({record.blame}): {record.reason}\n\n{record.detail}"
        allure.attach(text, name="verdict", attachment_type=allure.attachment_type.TEXT)
    for step in record.steps:
        if step.status is StepStatus.NOT_REACHED:
            _attach_not_reached(step)
    if record.trace and (directory / record.trace).is_file():
        allure.attach.file(directory / record.trace, name="SIP trace", extension="jsonl")
    for clip in record.clips:
        if (directory / clip.file).is_file():
            allure.attach.file(directory / clip.file, name=clip.label, attachment_type="audio/wav", extension="wav")


def _attach_not_reached(step: Step) -> None:
    allure.attach("not reached", name=f"{step.keyword} {step.text}", attachment_type=allure.attachment_type.TEXT)
