"""What clients say and see of how they are told: preferences, times, mutes, push."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from wealist.core.wire import Wire
from wealist.noti.quiet import Digest

Subject = Annotated[str, Meta(max_length=50, description="a type, a category, or * for all")]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z", description="HH:MM")]
Days = Annotated[
    list[Annotated[int, Meta(ge=1, le=7)]],
    Meta(max_length=7, description="ISO days of the week, Monday is 1"),
]


class Entry(Wire):
    """What was chosen for a subject in one scope; null leaves a channel to what is wider."""

    subject: Subject
    in_app: bool | None = None
    email: bool | None = None
    push: bool | None = None


class Entries(Wire):
    """All entries of a scope."""

    entries: Annotated[list[Entry], Meta(max_length=200)]


class EntryChange(Wire):
    """A change of one entry; what is left out stays."""

    subject: Subject
    in_app: bool | UnsetType | None = UNSET
    email: bool | UnsetType | None = UNSET
    push: bool | UnsetType | None = UNSET


class TypePreference(Wire):
    """By which channels the person is told of a type in this scope, all things considered."""

    type: str
    category: str
    in_app: bool
    email: bool
    push: bool


class Preferences(Wire):
    """A scope's table: what counts for each known type, and the entries of this scope itself."""

    workspace_id: UUID | None
    project_id: UUID | None
    types: list[TypePreference]
    entries: list[Entry]


class NotificationSettings(Wire):
    """When and how often a person hears from us.

    Quiet hours begin on `quietDays` at `quietStart` in his time zone. `emailOffered` and
    `pushOffered` tell whether this installation has the channel.
    """

    time_zone: str
    quiet_start: str | None
    quiet_end: str | None
    quiet_days: list[int]
    paused_until: datetime | None
    digest: Digest
    digest_hour: int
    email_offered: bool
    push_offered: bool
    version: int


class SettingsChange(Wire):
    """A change of the settings; what is left out stays."""

    time_zone: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    quiet_start: TimeOfDay | UnsetType | None = UNSET
    quiet_end: TimeOfDay | UnsetType | None = UNSET
    quiet_days: Days | UnsetType = UNSET
    paused_until: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    digest: Digest | UnsetType = UNSET
    digest_hour: Annotated[int, Meta(ge=0, le=23)] | UnsetType = UNSET


Kind = Literal["WORKSPACE", "PROJECT", "RESOURCE"]


class NewMute(Wire):
    """What to mute, and until when; without `until` for good."""

    workspace_id: UUID
    kind: Kind
    until: Annotated[datetime, Meta(tz=True)] | None = None


class Mute(Wire):
    """Something that is muted; `id` is the workspace's, project's or resource's."""

    id: UUID
    kind: str
    workspace_id: UUID
    until: datetime | None
    created_at: datetime


class Mutes(Wire):
    """All that a person has muted."""

    mutes: list[Mute]


class PushKey(Wire):
    """The key with which a browser subscribes (`applicationServerKey`)."""

    public_key: str


class PushKeys(Struct):
    """The keys of a browser's subscription, in URL-safe base64."""

    p256dh: Annotated[str, Meta(max_length=200)]
    auth: Annotated[str, Meta(max_length=100)]


class NewPush(Wire):
    """What `PushSubscription.toJSON()` of a browser gives."""

    endpoint: Annotated[str, Meta(max_length=2048)]
    keys: PushKeys


class PushSubscription(Wire):
    """A browser that gets push messages."""

    id: UUID
    endpoint: str
    user_agent: str | None
    created_at: datetime
    used_at: datetime | None


class PushSubscriptions(Wire):
    """All browsers of a person."""

    subscriptions: list[PushSubscription]


class PushMessage(Struct, rename="camel", omit_defaults=True):
    """What a service worker gets, encrypted (RFC 8291); `count` tells of more than one."""

    title: str
    type: str
    notification_id: UUID
    workspace_id: UUID
    link: str
    count: int = 1
