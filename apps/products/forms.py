"""Forms of the back office: what the catalogue's services would refuse is refused here, beside its field."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminImageFieldWidget

from apps.products.category_tree import descendants
from apps.products.models import Category, ProductImage, Tag
from apps.products.pictures import ImageRefused
from apps.products.services.images import check_upload
from apps.products.services.tags import tag_slug


class CategoryForm(forms.ModelForm[Category]):
    """A category; without a slug its name gives one."""

    class Meta:
        model = Category
        fields = ("name", "slug", "parent", "position", "description", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False

    def clean_parent(self) -> Category | None:
        parent: Category | None = self.cleaned_data["parent"]
        parents = dict(Category.objects.values_list("pk", "parent_id"))
        if (
            parent is not None
            and not self.instance._state.adding
            and parent.pk in descendants(self.instance.pk, parents)
        ):
            raise ValidationError("A category cannot stand below itself.")
        return parent


class TagForm(forms.ModelForm[Tag]):
    """A tag; its slug follows its name."""

    class Meta:
        model = Tag
        fields = ("name",)

    def clean_name(self) -> str:
        name: str = " ".join(self.cleaned_data["name"].split())
        slug = tag_slug(name)
        if not slug:
            raise ValidationError("A tag needs at least one letter or digit.")
        if Tag.objects.filter(slug=slug).exclude(pk=self.instance.pk).exists():
            raise ValidationError("There is such a tag already.")
        return name


class PictureForm(forms.ModelForm[ProductImage]):
    """A picture of a product: a new one is uploaded, a known one described, placed or taken away."""

    upload = forms.FileField(label="New picture", required=False, widget=UnfoldAdminImageFieldWidget)

    class Meta:
        model = ProductImage
        fields = ("alt_text", "variant", "position")

    def clean_upload(self) -> Any:
        upload = self.cleaned_data["upload"]
        if upload:
            try:
                check_upload(upload)
            except ImageRefused as error:
                raise ValidationError(error.detail) from error
            upload.seek(0)
        return upload

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance._state.adding and not cleaned.get("upload") and "upload" not in self.errors:
            self.add_error("upload", "Choose a picture.")
        return cleaned
